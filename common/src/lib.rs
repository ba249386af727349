//! What the gateway and the worker must agree on, and nothing else.
//!
//! Admitted are (a) the pure ticket domain, (b) what both sides must read and write byte for byte (jobs, stream keys
//! and fields, scripts, interaction ids), and (c) the process skeleton that both `main`s run (environment, telemetry,
//! clock, listening, shutdown). Refused: SQL, HTTP, Block Kit, any Redis or Slack client, and whatever has only one user.

pub mod clock;
pub mod env;
pub mod interaction;
pub mod job;
pub mod listen;
pub mod redis_server;
pub mod secret;
pub mod shutdown;
pub mod slack_id;
pub mod stream;
pub mod telemetry;
pub mod ticket;
