//! Where commands write records that they receive.

use anyhow::Context as _;
use pointsman_host::otlp::Record;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use tokio::sync::Notify;

/// Lines of records on their way to a file or the standard output. After the first failure nothing more is written: half
/// a line must not be followed by a whole one.
pub(crate) struct Lines {
    name: String,
    form: fn(&Record) -> String,
    state: Mutex<State>,
    failed: Notify,
}

struct State {
    out: Box<dyn Write + Send>,
    failure: Option<io::Error>,
}

impl Lines {
    /// Each record as a line at the end of a file as soon as it comes.
    pub(crate) fn append_to(file: &Path) -> anyhow::Result<Self> {
        let out = OpenOptions::new().create(true).append(true).open(file);
        let out = out.with_context(|| format!("cannot write {}", file.display()))?;
        Ok(Self::new(file.display().to_string(), Record::to_json_line, Box::new(out)))
    }

    /// A file with these records alone, whole once [`finish`](Self::finish) is done.
    pub(crate) fn create(file: &Path) -> anyhow::Result<Self> {
        let out = File::create(file).with_context(|| format!("cannot write {}", file.display()))?;
        Ok(Self::new(file.display().to_string(), Record::to_json_line, Box::new(BufWriter::new(out))))
    }

    /// The standard output, in this form.
    pub(crate) fn stdout(form: fn(&Record) -> String) -> Self {
        Self::new(String::from("the standard output"), form, Box::new(io::stdout()))
    }

    fn new(name: String, form: fn(&Record) -> String, out: Box<dyn Write + Send>) -> Self {
        Self { name, form, state: Mutex::new(State { out, failure: None }), failed: Notify::new() }
    }

    pub(crate) fn put(&self, record: &Record) {
        let line = (self.form)(record);
        self.with(|out| out.write_all(line.as_bytes()));
    }

    /// Completes once something could not be written.
    pub(crate) async fn failed(&self) {
        self.failed.notified().await;
    }

    /// Writes what waits, and says whether all could be written. A reader that has left is no fault.
    pub(crate) fn finish(&self) -> anyhow::Result<()> {
        self.with(Write::flush);
        match self.state.lock().unwrap_or_else(PoisonError::into_inner).failure.take() {
            Some(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(error).with_context(|| format!("cannot write {}", self.name))
            }
            _ => Ok(()),
        }
    }

    fn with(&self, write: impl FnOnce(&mut Box<dyn Write + Send>) -> io::Result<()>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.failure.is_none()
            && let Err(error) = write(&mut state.out)
        {
            state.failure = Some(error);
            self.failed.notify_one();
        }
    }
}
