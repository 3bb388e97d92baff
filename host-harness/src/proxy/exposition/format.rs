//! Which form of the metrics a client gets.

use prometheus_client::encoding::prometheus_text;

/// A form of the metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// The text format of Prometheus, 0.0.4.
    Text,
}

impl Format {
    /// The form for an `accept` header. OpenMetrics is only for who names it and does not like text better: a browser that
    /// takes anything gets text.
    pub fn negotiate(accept: Option<&str>) -> Self {
        let accept = accept.unwrap_or_default();
        let open_metrics = quality(accept, &["application/openmetrics-text"]);
        let text = quality(accept, &["text/plain", "text/*", "*/*"]);
        if open_metrics > 0 && open_metrics >= text { Self::OpenMetrics } else { Self::Text }
    }

    /// The `content-type` of the answer.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Text => prometheus_text::CONTENT_TYPE,
        }
    }
}

/// The best weight, in thousandths, that the header gives to the first of these media types that it names; 0 for none.
fn quality(accept: &str, media_types: &[&str]) -> u16 {
    let of = |media_type: &str| {
        let ranges = accept.split(',').filter_map(|range| {
            let (name, parameters) = range.split_once(';').unwrap_or((range, ""));
            name.trim().eq_ignore_ascii_case(media_type).then(|| weight(parameters))
        });
        ranges.max()
    };
    media_types.iter().find_map(|media_type| of(media_type)).unwrap_or(0)
}

/// The parameter `q` in thousandths; what is no number from 0 to 1 counts as 1.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked")]
fn weight(parameters: &str) -> u16 {
    let q = parameters.split(';').find_map(|parameter| parameter.trim().strip_prefix("q="));
    let q = q.and_then(|q| q.trim().parse::<f32>().ok()).filter(|q| (0.0..=1.0).contains(q));
    q.map_or(1000, |q| (q * 1000.0).round() as u16)
}

#[cfg(test)]
mod tests {
    use super::Format::{self, OpenMetrics, Text};

    /// What Prometheus 3 sends.
    const PROMETHEUS: &str = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
         application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,\
         text/plain;version=0.0.4;q=0.3,*/*;q=0.2";

    #[test]
    fn open_metrics_is_for_who_asks_for_it() {
        let cases = [
            (None, Text),
            (Some(""), Text),
            (Some("*/*"), Text),
            (Some("text/html,application/xhtml+xml,*/*;q=0.8"), Text),
            (Some(PROMETHEUS), OpenMetrics),
            (Some("application/openmetrics-text"), OpenMetrics),
            (Some("Application/OpenMetrics-Text; version=1.0.0; charset=utf-8"), OpenMetrics),
            (Some("application/openmetrics-text, text/plain"), OpenMetrics),
            (Some("application/openmetrics-text;q=0.5, text/plain"), Text),
            (Some("application/openmetrics-text;q=0.5, text/*"), Text),
            (Some("application/openmetrics-text;q=0"), Text),
            (Some("application/openmetrics-text;q=0.4, text/plain;q=0.3, */*;q=0.9"), OpenMetrics),
            (Some("application/openmetrics-text;q=nonsense"), OpenMetrics),
            (Some(";;,,=;q=,"), Text),
        ];
        for (accept, format) in cases {
            assert_eq!(Format::negotiate(accept), format, "{accept:?}");
        }
    }
}
