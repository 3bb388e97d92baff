//! What `pointsman switch` and `pointsman apply` do with an object of a cluster.

use super::check::{FAULTY, now, print, refuse};
use super::switch::words;
use anyhow::Context as _;
use clap::Args;
use pointsman_core::time::WallClock;
use pointsman_host::cluster::{
    self, Access, Cluster, ClusterError, Done, Kind, Mode, NewConfig, Object, Person, Record, Unable, Wish, perform,
};
use pointsman_host::switch::Unfit;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The object, and how to get to it.
#[derive(Args)]
pub(crate) struct InCluster {
    /// The ConfigMap that is changed in a cluster, such as push/pointsman-overrides.
    #[arg(long, value_name = "NAMESPACE/NAME", value_parser = config_map, conflicts_with = "envoyfilter")]
    pub(crate) configmap: Option<Object>,
    /// The EnvoyFilter whose config is changed in a cluster, such as push/pointsman-rules.
    #[arg(long, value_name = "NAMESPACE/NAME", value_parser = envoy_filter)]
    pub(crate) envoyfilter: Option<Object>,
    /// The kubeconfig; default is where kubectl finds it, or the service account of a pod.
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// The context in it; default is the current one.
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
    /// Act in the name of somebody, as kubectl does; only for who may `impersonate` them.
    #[arg(long = "as", value_name = "USER")]
    acting: Option<String>,
    /// With --as: and as one of this group.
    #[arg(long = "as-group", value_name = "GROUP", requires = "acting")]
    groups: Vec<String>,
}

impl InCluster {
    pub(crate) const fn object(&self) -> Option<&Object> {
        match &self.configmap {
            Some(object) => Some(object),
            None => self.envoyfilter.as_ref(),
        }
    }

    fn access(&self) -> Access {
        let person = |name: &String| Person { name: name.clone(), groups: self.groups.clone() };
        Access {
            kubeconfig: self.kubeconfig.clone(),
            context: self.context.clone(),
            acting: self.acting.as_ref().map(person),
        }
    }
}

/// Who changes a whole config, and why.
#[derive(Args)]
pub(crate) struct Signed {
    /// In a cluster: who wants it. It is who you are there, and need not be said.
    #[arg(long, value_name = "NAME", value_parser = words)]
    by: Option<String>,
    /// In a cluster: why.
    #[arg(long, value_name = "TEXT", value_parser = words, required_unless_present = "destination")]
    reason: Option<String>,
    /// In a cluster: who else has agreed.
    #[arg(long, value_name = "NAME", value_parser = words)]
    approved_by: Option<String>,
    /// In a cluster: end the orders that hold now and are not in the new config.
    #[arg(long)]
    end_orders: bool,
    /// In a cluster: show the change, let the API server judge it, and write nothing.
    #[arg(long)]
    dry_run: bool,
}

/// Puts a config that has no faults into an object.
pub(crate) fn apply_in_cluster(
    place: &InCluster,
    object: &Object,
    signed: &Signed,
    text: String,
    file: &Path,
) -> anyhow::Result<ExitCode> {
    let unsigned = NewConfig {
        text,
        by: String::new(),
        approved_by: signed.approved_by.clone(),
        reason: signed.reason.clone().context("--reason is needed")?,
        end_orders: signed.end_orders,
    };
    let sign = |by| NewConfig { by, ..unsigned };
    let said = |_: &NewConfig| format!("applied {}", file.display());
    carry_out(place, object, signed.by.as_deref(), signed.dry_run, now()?, sign, said)
}

/// Carries out what `wish` makes of the caller's name, and tells what has become of it.
///
/// # Errors
/// What can be told in one sentence.
pub(crate) fn carry_out<W>(
    place: &InCluster,
    object: &Object,
    by: Option<&str>,
    dry_run: bool,
    now: WallClock,
    wish: impl FnOnce(String) -> W,
    said: impl FnOnce(&W) -> String,
) -> anyhow::Result<ExitCode>
where
    for<'a> &'a W: Into<Wish<'a>>,
{
    let mode = if dry_run { Mode::DryRun } else { Mode::Write };
    let done = runtime()?.block_on(async {
        let cluster = Cluster::connect(&place.access()).await?;
        let wish = wish(cluster.signer(by).await?);
        let done = perform(&cluster, object, (&wish).into(), now, mode).await?;
        Ok::<_, ClusterError>((wish, done))
    });
    match done {
        Ok((_, done)) if dry_run => print(&done.changed.diff).map(|()| ExitCode::SUCCESS),
        Ok((wish, done)) => {
            print(&format!("{} in {object}\n{}", said(&wish), in_force(object, &done))).map(|()| ExitCode::SUCCESS)
        }
        Err(error) => failed(error),
    }
}

/// Tells how to see that a change is in force: the object is only what proxies are told.
fn in_force(object: &Object, done: &Done) -> String {
    let version = &done.changed.record.version;
    let (label, container) = match object.kind {
        Kind::ConfigMap => ("pointsman.io/injected=true", "pointsman"),
        Kind::EnvoyFilter => ("pointsman.io/filter=true", "istio-proxy"),
    };
    format!(
        "It is in force in a proxy that has logged push.rule.applied with version {version}:\n  \
         kubectl -n {} logs -l {label} -c {container} --prefix --tail=-1 | grep push.rule.applied | grep {version}\n",
        object.namespace
    )
}

fn failed(error: ClusterError) -> anyhow::Result<ExitCode> {
    let ClusterError::Unable { object, reason } = error else {
        let usage = matches!(error, ClusterError::NotYou { .. });
        if usage {
            eprintln!("pointsman: {error}");
            return Ok(ExitCode::from(2));
        }
        return Err(error.into());
    };
    let (name, consequence) = (object.to_string(), format!(", not changed; {object} is as it was"));
    match reason {
        Unable::Unfit(Unfit::Faults(faults)) => Ok(refuse(Path::new(&name), &faults, &consequence)),
        reason => {
            eprintln!("{name}: 1 fault{consequence}\n{reason}");
            Ok(ExitCode::from(FAULTY))
        }
    }
}

/// Shows what was done to an object.
pub(crate) fn history(place: &InCluster, object: &Object) -> anyhow::Result<ExitCode> {
    let records = runtime()?.block_on(async {
        let cluster = Cluster::connect(&place.access()).await?;
        cluster::history(&cluster, object).await
    })?;
    if records.is_empty() {
        print(&format!("{object}: nothing was done by pointsman yet\n"))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut text = row(["AT", "OPERATION", "CHANNEL", "TO", "UNTIL", "BY", "APPROVED BY", "VERSION", "REASON"]);
    for record in &records {
        text += &match record {
            Ok(record) => record_row(record),
            Err(line) => format!("(written by other means) {line}\n"),
        };
    }
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn record_row(record: &Record) -> String {
    let target = record.state.clone().unwrap_or_else(|| record.to.join(","));
    let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    row([
        &record.at,
        record.operation.name(),
        &or_dash(&record.channel),
        if target.is_empty() { "-" } else { &target },
        &or_dash(&record.until),
        &record.by,
        &or_dash(&record.approved_by),
        &record.version,
        &record.reason,
    ])
}

fn row(cells: [&str; 9]) -> String {
    let [at, operation, channel, to, until, by, approved_by, version, reason] = cells;
    format!(
        "{at:<20}  {operation:<9}  {channel:<12}  {to:<12}  {until:<20}  {by:<20}  {approved_by:<20}  {version:<16}  {reason}\n"
    )
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

fn config_map(text: &str) -> Result<Object, String> {
    Object::parse(Kind::ConfigMap, text).map_err(|error| error.to_string())
}

fn envoy_filter(text: &str) -> Result<Object, String> {
    Object::parse(Kind::EnvoyFilter, text).map_err(|error| error.to_string())
}
