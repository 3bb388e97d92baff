//! A day as a Parquet file, which other programs can read: a row for each event, a column for each thing that it can tell.

use super::base::{View, broken};
use super::day::{Day, unreadable};
use super::document::Piece;
use crate::event::Event;
use crate::store::StoreError;
use fjall::Readable as _;
use parquet::basic::{Compression, ZstdLevel};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, Int32Type, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::parser::parse_message_type;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// So many events are in memory while a file is written.
const ROWS: usize = 50_000;

/// A column: its name, and what an event tells there.
enum Column {
    Text(&'static str, fn(&Event) -> Option<ByteArray>),
    /// Text that may be missing.
    Id(&'static str, fn(&Event) -> Option<ByteArray>),
    Number(&'static str, fn(&Event) -> i64),
    MaybeNumber(&'static str, fn(&Event) -> Option<i64>),
    Small(&'static str, fn(&Event) -> i32),
    Flag(&'static str, fn(&Event) -> bool),
    MaybeFlag(&'static str, fn(&Event) -> Option<bool>),
}

macro_rules! facts {
    ($($name:ident),*) => {
        [$(Column::Text(stringify!($name), |event| text(&event.facts.$name))),*]
    };
}

fn text(text: &str) -> Option<ByteArray> {
    Some(ByteArray::from(text))
}

fn id<T: ToString>(id: Option<T>) -> Option<ByteArray> {
    id.map(|id| ByteArray::from(id.to_string().into_bytes()))
}

fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn columns() -> Vec<Column> {
    use Column::{Flag, Id, MaybeFlag, MaybeNumber, Number, Small, Text};
    let mut columns = vec![
        Number("at_ms", |event| whole(event.at_ms)),
        Text("kind", |event| text(event.facts.kind.name())),
        Text("message_id", |event| text(&event.message_id)),
        Text("vendor_id", |event| text(&event.vendor_id)),
        Text("recipient", |event| text(&event.recipient)),
        Id("trace_id", |event| id(event.trace_id)),
        Id("span_id", |event| id(event.span_id)),
        Id("parent_id", |event| id(event.parent_id)),
    ];
    columns.extend(facts![name, tenant, service, node, channel, status, outcome, code, business, template]);
    columns.extend(facts![fate, switched_from, conflict, text]);
    columns.extend([
        MaybeFlag("on_time", |event| event.facts.on_time),
        Flag("drill", |event| event.facts.drill),
        MaybeNumber("duration_ms", |event| event.duration_ms.map(whole)),
        Small("attempt", |event| i32::try_from(event.attempt).unwrap_or(i32::MAX)),
        Text("rest", |event| text(&event.rest)),
    ]);
    columns
}

impl Column {
    fn schema(&self) -> String {
        match self {
            Self::Text(name, _) => format!("REQUIRED BYTE_ARRAY {name} (UTF8);"),
            Self::Id(name, _) => format!("OPTIONAL BYTE_ARRAY {name} (UTF8);"),
            Self::Number(name, _) => format!("REQUIRED INT64 {name};"),
            Self::MaybeNumber(name, _) => format!("OPTIONAL INT64 {name};"),
            Self::Small(name, _) => format!("REQUIRED INT32 {name};"),
            Self::Flag(name, _) => format!("REQUIRED BOOLEAN {name};"),
            Self::MaybeFlag(name, _) => format!("OPTIONAL BOOLEAN {name};"),
        }
    }

    fn write(&self, writer: &mut SerializedColumnWriter<'_>, events: &[Event]) -> Result<(), ParquetError> {
        let told = |is_told: bool| i16::from(is_told);
        match self {
            Self::Text(_, tell) => {
                let values: Vec<ByteArray> = events.iter().filter_map(tell).collect();
                writer.typed::<ByteArrayType>().write_batch(&values, None, None)?;
            }
            Self::Id(_, tell) => {
                let levels: Vec<i16> = events.iter().map(|event| told(tell(event).is_some())).collect();
                let values: Vec<ByteArray> = events.iter().filter_map(tell).collect();
                writer.typed::<ByteArrayType>().write_batch(&values, Some(&levels), None)?;
            }
            Self::Number(_, tell) => {
                let values: Vec<i64> = events.iter().map(tell).collect();
                writer.typed::<Int64Type>().write_batch(&values, None, None)?;
            }
            Self::MaybeNumber(_, tell) => {
                let levels: Vec<i16> = events.iter().map(|event| told(tell(event).is_some())).collect();
                let values: Vec<i64> = events.iter().filter_map(tell).collect();
                writer.typed::<Int64Type>().write_batch(&values, Some(&levels), None)?;
            }
            Self::Small(_, tell) => {
                let values: Vec<i32> = events.iter().map(tell).collect();
                writer.typed::<Int32Type>().write_batch(&values, None, None)?;
            }
            Self::Flag(_, tell) => {
                let values: Vec<bool> = events.iter().map(tell).collect();
                writer.typed::<BoolType>().write_batch(&values, None, None)?;
            }
            Self::MaybeFlag(_, tell) => {
                let levels: Vec<i16> = events.iter().map(|event| told(tell(event).is_some())).collect();
                let values: Vec<bool> = events.iter().filter_map(tell).collect();
                writer.typed::<BoolType>().write_batch(&values, Some(&levels), None)?;
            }
        }
        Ok(())
    }
}

/// A file that is being written.
struct Rows {
    columns: Vec<Column>,
    writer: SerializedFileWriter<File>,
    events: Vec<Event>,
}

impl Rows {
    fn create(path: &Path) -> Result<Self, StoreError> {
        let columns = columns();
        let schema: String = columns.iter().map(Column::schema).collect();
        let schema = parse_message_type(&format!("message event {{ {schema} }}")).map_err(not_written)?;
        let level = ZstdLevel::try_new(3).map_err(not_written)?;
        let properties = WriterProperties::builder().set_compression(Compression::ZSTD(level)).build();
        let file = File::create(path).map_err(no_file)?;
        let writer = SerializedFileWriter::new(file, Arc::new(schema), Arc::new(properties)).map_err(not_written)?;
        Ok(Self { columns, writer, events: Vec::new() })
    }

    fn flush(&mut self) -> Result<(), ParquetError> {
        let mut group = self.writer.next_row_group()?;
        for column in &self.columns {
            let Some(mut writer) = group.next_column()? else { break };
            column.write(&mut writer, &self.events)?;
            writer.close()?;
        }
        group.close()?;
        self.events.clear();
        Ok(())
    }

    fn close(mut self) -> Result<(), StoreError> {
        if !self.events.is_empty() {
            self.flush().map_err(not_written)?;
        }
        let file = self.writer.into_inner().map_err(not_written)?;
        file.sync_all().map_err(no_file)
    }
}

fn not_written(error: ParquetError) -> StoreError {
    StoreError::Busy { reason: format!("the archive cannot be written: {error}") }
}

fn no_file(error: std::io::Error) -> StoreError {
    StoreError::Busy { reason: format!("the archive cannot be written: {error}") }
}

/// Writes the events of a day's documents to a file in the directory. One that was written before with as many events is left.
pub(super) fn archive(view: &View, day: &Day, directory: &Path) -> Result<PathBuf, StoreError> {
    std::fs::create_dir_all(directory).map_err(no_file)?;
    let name = format!("events-{}", date(day.number));
    let mut path = directory.join(format!("{name}.parquet"));
    for number in 2_u32.. {
        match rows_of(&path)? {
            None => break,
            Some(rows) if rows == day.events() => return Ok(path),
            Some(_) => path = directory.join(format!("{name}-{number}.parquet")),
        }
    }
    let beside = directory.join(format!("{name}.parquet.part"));
    let mut rows = Rows::create(&beside)?;
    for item in view.snapshot.iter(&day.docs) {
        let (_, bytes) = item.into_inner().map_err(broken)?;
        let piece = Piece::read(&bytes, day.begins_ms(), &day.dictionary());
        let (_, _, contents) = piece.ok_or_else(|| unreadable("document"))?;
        rows.events.extend(contents.events);
        if rows.events.len() >= ROWS {
            rows.flush().map_err(not_written)?;
        }
    }
    rows.close()?;
    std::fs::rename(&beside, &path).map_err(no_file)?;
    File::open(directory).and_then(|directory| directory.sync_all()).map_err(no_file)?;
    Ok(path)
}

/// How many rows a file has, if it is there.
fn rows_of(path: &Path) -> Result<Option<u64>, StoreError> {
    if !path.try_exists().map_err(no_file)? {
        return Ok(None);
    }
    let reader = SerializedFileReader::new(File::open(path).map_err(no_file)?);
    let rows = reader.map(|reader| reader.metadata().file_metadata().num_rows());
    // What is no such file stays as it is.
    Ok(Some(rows.ok().and_then(|rows| u64::try_from(rows).ok()).unwrap_or(u64::MAX)))
}

/// A day as `2026-11-28`.
fn date(number: u64) -> String {
    // Years of 400 have as many days each; they begin in March, so that the day of a leap year is the last.
    let days = number + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    format!("{:04}-{month:02}-{day:02}", era * 400 + year + next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_the_dates_of_the_calendar() {
        for (number, name) in [
            (0, "1970-01-01"),
            (59, "1970-03-01"),
            (11_016, "2000-02-29"),
            (11_017, "2000-03-01"),
            (20_785, "2026-11-28"),
            (47_540, "2100-02-28"),
            (47_541, "2100-03-01"),
        ] {
            assert_eq!(date(number), name);
        }
    }
}
