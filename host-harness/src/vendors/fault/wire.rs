//! A fault as the control endpoint writes it: one flat JSON object.

use serde::{Deserialize, Serialize};

use super::{Delay, Effect, Fault, FaultError, Refusal, ResetAt};

const DEFAULT_INTERVAL_MS: u64 = 200;

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wire {
    kind: Kind,
    #[serde(skip_serializing_if = "Option::is_none")]
    delay_ms: Option<DelayMs>,
    #[serde(skip_serializing_if = "Option::is_none")]
    share: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<Code>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recipients: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_s: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<ResetAt>,
    #[serde(skip_serializing_if = "Option::is_none")]
    interval_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    accepted: Option<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Delay,
    Error,
    Hang,
    Refused,
    Reset,
    Cut,
    Html,
    Endless,
    Gzip,
    Trailers,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(untagged)]
enum DelayMs {
    Fixed(u64),
    Range(u64, u64),
}

/// Half of the vendors have numbers as codes, and a user writes what the vendor's table shows.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
enum Code {
    Number(i64),
    Text(String),
}

impl TryFrom<Wire> for Fault {
    type Error = FaultError;

    fn try_from(wire: Wire) -> Result<Self, FaultError> {
        let share = wire.share.unwrap_or(1.0);
        if !(0.0..=1.0).contains(&share) {
            return Err(FaultError::Share(share));
        }
        wire.refuse_unused()?;
        let accepted = wire.accepted;
        Ok(Self { delay: wire.delay()?, effect: wire.effect()?, share, accepted })
    }
}

impl Wire {
    fn delay(&self) -> Result<Delay, FaultError> {
        match self.delay_ms {
            None if self.kind == Kind::Delay => Err(FaultError::Missing { kind: "delay", key: "delay_ms" }),
            None => Ok(Delay::default()),
            Some(DelayMs::Range(min_ms, max_ms)) if min_ms > max_ms => Err(FaultError::Delay { min_ms, max_ms }),
            Some(DelayMs::Range(min_ms, max_ms)) => Ok(Delay { min_ms, max_ms }),
            Some(DelayMs::Fixed(ms)) => Ok(Delay { min_ms: ms, max_ms: ms }),
        }
    }

    fn effect(self) -> Result<Effect, FaultError> {
        Ok(match self.kind {
            Kind::Delay => Effect::Delay,
            Kind::Error => Effect::Error(self.refusal()?),
            Kind::Hang => Effect::Hang,
            Kind::Refused => Effect::Refused,
            Kind::Reset => Effect::Reset(self.at.unwrap_or(ResetAt::Request)),
            Kind::Cut => Effect::Cut,
            Kind::Html => Effect::Html,
            Kind::Endless => Effect::Endless { interval_ms: self.interval_ms.unwrap_or(DEFAULT_INTERVAL_MS).max(1) },
            Kind::Gzip => Effect::Gzip,
            Kind::Trailers => Effect::Trailers,
        })
    }

    fn refusal(self) -> Result<Refusal, FaultError> {
        let code = match self.code {
            Some(Code::Number(code)) => code.to_string(),
            Some(Code::Text(code)) => code,
            None => {
                return Err(FaultError::Missing { kind: "error", key: "code" });
            }
        };
        Ok(Refusal { code, recipients: self.recipients, retry_after_s: self.retry_after_s })
    }

    /// Whether the connection breaks before the request has been read: no vendor can accept that.
    fn breaks_off_early(&self) -> bool {
        self.kind == Kind::Reset && self.at.is_none_or(|at| at == ResetAt::Request)
    }

    /// A key that has no effect is a misunderstanding, and the user should hear of it.
    fn refuse_unused(&self) -> Result<(), FaultError> {
        let only_for = [
            ("code", self.code.is_some(), Kind::Error),
            ("recipients", self.recipients.is_some(), Kind::Error),
            ("retry_after_s", self.retry_after_s.is_some(), Kind::Error),
            ("at", self.at.is_some(), Kind::Reset),
            ("interval_ms", self.interval_ms.is_some(), Kind::Endless),
        ];
        let loses_answers = matches!(self.kind, Kind::Hang | Kind::Reset | Kind::Html);
        let on_all = self.kind == Kind::Refused;
        let others = [
            ("accepted", self.accepted.is_some() && (!loses_answers || self.breaks_off_early())),
            ("share", on_all && self.share.is_some_and(|share| share < 1.0)),
            ("delay_ms", on_all && self.delay_ms.is_some()),
        ];
        if let Some((key, _)) = others.into_iter().find(|(_, misplaced)| *misplaced) {
            return Err(FaultError::Unused { kind: self.kind.name(), key });
        }
        for (key, given, owner) in only_for {
            if given && owner != self.kind {
                let kind = self.kind.name();
                return Err(FaultError::Unused { kind, key });
            }
        }
        Ok(())
    }
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Delay => "delay",
            Self::Error => "error",
            Self::Hang => "hang",
            Self::Refused => "refused",
            Self::Reset => "reset",
            Self::Cut => "cut",
            Self::Html => "html",
            Self::Endless => "endless",
            Self::Gzip => "gzip",
            Self::Trailers => "trailers",
        }
    }
}

impl From<Fault> for Wire {
    fn from(fault: Fault) -> Self {
        let Delay { min_ms, max_ms } = fault.delay;
        let mut wire = Self {
            kind: Kind::Delay,
            delay_ms: match (min_ms, max_ms) {
                (0, 0) => None,
                _ if min_ms == max_ms => Some(DelayMs::Fixed(min_ms)),
                _ => Some(DelayMs::Range(min_ms, max_ms)),
            },
            share: Some(fault.share),
            code: None,
            recipients: None,
            retry_after_s: None,
            at: None,
            interval_ms: None,
            accepted: fault.accepted,
        };
        wire.kind = match fault.effect {
            Effect::Delay => {
                wire.delay_ms = Some(wire.delay_ms.unwrap_or(DelayMs::Fixed(0)));
                Kind::Delay
            }
            Effect::Error(refusal) => {
                wire.code = Some(Code::Text(refusal.code));
                wire.recipients = refusal.recipients;
                wire.retry_after_s = refusal.retry_after_s;
                Kind::Error
            }
            Effect::Hang => Kind::Hang,
            Effect::Refused => Kind::Refused,
            Effect::Reset(at) => {
                wire.at = Some(at);
                Kind::Reset
            }
            Effect::Cut => Kind::Cut,
            Effect::Html => Kind::Html,
            Effect::Endless { interval_ms } => {
                wire.interval_ms = Some(interval_ms);
                Kind::Endless
            }
            Effect::Gzip => Kind::Gzip,
            Effect::Trailers => Kind::Trailers,
        };
        wire
    }
}

#[cfg(test)]
mod tests {
    use super::Fault;

    fn read(json: &str) -> Result<Fault, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn every_kind_reads_and_writes_itself_back() {
        for json in [
            r#"{"kind":"delay","delay_ms":3000,"share":0.8}"#,
            r#"{"kind":"delay","delay_ms":[100,900],"share":1.0}"#,
            r#"{"kind":"error","share":1.0,"code":"33"}"#,
            r#"{"kind":"error","share":1.0,"code":"FailedOperation.PhoneNumberInBlacklist","recipients":1}"#,
            r#"{"kind":"error","share":1.0,"code":"QUOTA_EXCEEDED","retry_after_s":30}"#,
            r#"{"kind":"hang","share":1.0}"#,
            r#"{"kind":"reset","share":1.0,"at":"request"}"#,
            r#"{"kind":"hang","share":1.0,"accepted":true}"#,
            r#"{"kind":"refused","share":1.0}"#,
            r#"{"kind":"reset","share":1.0,"at":"read","accepted":true}"#,
            r#"{"kind":"reset","share":1.0,"at":"response"}"#,
            r#"{"kind":"cut","share":1.0}"#,
            r#"{"kind":"html","delay_ms":10,"share":1.0}"#,
            r#"{"kind":"endless","share":1.0,"interval_ms":50}"#,
            r#"{"kind":"gzip","share":1.0}"#,
            r#"{"kind":"trailers","share":1.0}"#,
        ] {
            let fault = read(json).unwrap();
            assert_eq!(serde_json::to_string(&fault).unwrap(), json);
        }
        let number = read(r#"{"kind":"error","code":33}"#).unwrap();
        assert_eq!(number, Fault::error("33"));
    }

    #[test]
    fn a_mistake_is_named_with_its_key() {
        for (json, message) in [
            (r#"{"kind":"delay"}"#, "delay: needs \"delay_ms\""),
            (r#"{"kind":"error"}"#, "error: needs \"code\""),
            (r#"{"kind":"hang","code":"1"}"#, "hang: has no use for \"code\""),
            (r#"{"kind":"hang","share":1.5}"#, "share: 1.5 is not between 0 and 1"),
            (r#"{"kind":"delay","delay_ms":[9,1]}"#, "delay_ms: 9 is more than 1"),
            (r#"{"kind":"cut","accepted":true}"#, "cut: has no use for \"accepted\""),
            (r#"{"kind":"refused","share":0.5}"#, "refused: has no use for \"share\""),
            (r#"{"kind":"hang","shar":1}"#, "unknown field `shar`"),
        ] {
            let error = read(json).unwrap_err();
            assert!(error.starts_with(message), "{json}: {error}");
        }
    }
}
