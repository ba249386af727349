//! The gateway: verifies that a request comes from Slack, translates it into a job, appends the job to a Redis stream
//! in one round trip, and acknowledges. It knows neither PostgreSQL nor Slack's Web API.

pub mod app;
pub mod config;
mod connections;
mod health;
mod outcome;
pub mod producer;
mod slack;

pub use slack::verify::Verifier;
