//! Logs and metrics, set up once per process.

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

/// Third parties log retries at warn; what matters of it is logged by us.
const DEFAULT_FILTER: &str = "info,fred=error,poem=warn,sqlx=warn";
/// Whatever `RUST_LOG` says: below this the Slack library logs addresses with file names in them.
const ALWAYS: &str = "slack_morphism=warn";

/// Sends logs to standard output; `RUST_LOG` overrides the filter. A second call in a process changes nothing.
pub fn init_logs(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(DEFAULT_FILTER));
    let filter = filter.add_directive(ALWAYS.parse().expect("a valid directive"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter);
    let _ = match format {
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
