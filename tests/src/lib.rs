//! What the tests stand on: private servers, a stand-in for Slack, and people who use it.

pub mod actor;
pub mod desk;
pub mod processes;
pub mod proxy;
pub mod sandbox;
pub mod servers;
pub mod slack;
