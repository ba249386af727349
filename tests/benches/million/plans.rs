//! The plans of the statements between [`Plans::begin`] and [`Plans::end`], as auto_explain sends them to its client, from
//! whose log they are caught. Nothing is done without PLANS=1.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use sqlx::{Executor, PgConnection};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// What was caught so far.
pub struct Plans {
    wanted: bool,
    caught: Arc<Mutex<String>>,
}

impl Plans {
    /// Catches from here on.
    pub fn new() -> Self {
        let wanted = std::env::var_os("PLANS").is_some();
        let caught = Arc::default();
        if wanted {
            tracing::subscriber::set_global_default(Catcher(Arc::clone(&caught))).expect("no other log");
        }
        Self { wanted, caught }
    }

    /// Explains what is done next.
    pub async fn begin<'a>(&self, name: &str, db: &'a mut PgConnection) -> &'a mut PgConnection {
        if self.wanted {
            self.caught.lock().expect("no panic").push_str(&format!("\n## {name}\n"));
            for statement in [
                "LOAD 'auto_explain'",
                "SET auto_explain.log_analyze = on",
                "SET auto_explain.log_timing = off",
                "SET auto_explain.log_buffers = on",
                "SET client_min_messages = log",
                "SET auto_explain.log_min_duration = 0",
            ] {
                db.execute(statement).await.expect("a superuser may explain");
            }
        }
        db
    }

    /// Explains nothing more.
    pub async fn end(&self, db: &mut PgConnection) {
        if self.wanted {
            db.execute("SET auto_explain.log_min_duration = -1").await.expect("set");
        }
    }

    /// Prints what was caught.
    pub fn print(&self) {
        println!("{}", self.caught.lock().expect("no panic"));
    }
}

struct Catcher(Arc<Mutex<String>>);

struct Message<'a>(&'a mut String);

impl Visit for Message<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" {
            let _ = writeln!(self.0, "{value:?}");
        }
    }
}

impl Subscriber for Catcher {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("sqlx::postgres::notice")
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        event.record(&mut Message(&mut self.0.lock().expect("no panic")));
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}
