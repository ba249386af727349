//! Logs and metrics, set up once per process.

use crate::env::{Env, Faulty};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line, for machines.
    Json,
    /// Lines for a person's eyes.
    Pretty,
}

impl LogFormat {
    /// `json` or `pretty`.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "json" => Some(Self::Json),
            "pretty" => Some(Self::Pretty),
            _ => None,
        }
    }
}

/// How and what a program logs: `LOG_FORMAT` and `RUST_LOG`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logs {
    /// How lines look.
    pub format: LogFormat,
    /// Which lines there are; the default where it is none.
    pub filter: Option<String>,
}

impl Logs {
    /// Lines for a person, of the usual choice.
    pub const DEFAULT: Self = Self { format: LogFormat::Pretty, filter: None };

    /// Reads and checks the two variables.
    ///
    /// # Errors
    /// [`Faulty`] where one of them is not understood.
    pub fn from_env(env: &mut Env) -> Result<Self, Faulty> {
        let format = env.optional("LOG_FORMAT", "json or pretty", "json", LogFormat::parse);
        let filter = env.optional("RUST_LOG", "a log filter", "info,worker=debug", |text| {
            EnvFilter::try_new(text).ok().map(|_| text.to_owned())
        });
        Ok(Self { format: format?.unwrap_or(Self::DEFAULT.format), filter: filter? })
    }
}

/// Third parties log retries at warn; what matters of it is logged by us.
const DEFAULT_FILTER: &str = "info,fred=error,poem=warn,sqlx=warn";
/// Whatever `RUST_LOG` says: below this the Slack library logs addresses with file names in them.
const ALWAYS: &str = "slack_morphism=warn";

/// Sends logs to standard output. A second call in a process changes nothing.
pub fn init_logs(logs: &Logs) {
    let filter = EnvFilter::new(logs.filter.as_deref().unwrap_or(DEFAULT_FILTER));
    let filter = filter.add_directive(ALWAYS.parse().expect("a valid directive"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter);
    let _ = match logs.format {
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
        LogFormat::Pretty => builder.with_target(false).try_init(),
    };
}

/// Installs the process-wide metrics recorder and returns the handle that renders Prometheus text.
/// In a process that has one already (several apps in one test) the handle renders an empty registry.
pub fn init_metrics() -> PrometheusHandle {
    const SECONDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];
    let builder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
        .expect("the list of buckets is not empty");
    let recorder = builder.build_recorder();
    let handle = recorder.handle();
    let _ = metrics::set_global_recorder(recorder);
    handle
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_that_is_none_is_a_fault() {
        let read = |value| Logs::from_env(&mut Env::from_pairs([("RUST_LOG", value)])).map(|logs| logs.filter).ok();
        assert_eq!(read("info,worker=debug"), Some(Some("info,worker=debug".to_owned())));
        assert_eq!(read(""), Some(None));
        for wrong in ["info,worker=loud", "worker=debug,,=", "worker[{"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
