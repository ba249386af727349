//! The periodic schedule: work that comes by the calendar, exactly once per slot, on any number of workers.
//!
//! - A slot is a task and an instant, computed by pure functions from the time zone's history ([`slots`]).
//! - Whoever inserts a slot's row runs it, in the transaction of the outbox rows that it causes ([`run`]). There is no
//!   leader, and a worker that dies in between leaves nothing behind.
//! - The clock is PostgreSQL's. clokwerk only wakes, in UTC: with a zone whose clocks change it panics ([`ticking`]).
//! - Slots that passed while every worker was down: the latest one runs if it is still worth it, the others are counted.
//!   From before the very first start nothing is caught up.
//!
//! To add a task: a variant of [`Task`] (the compiler asks for the rest), its [`crate::delivery::Target`], its view.

pub mod command;
pub mod rule;
pub mod run;
pub mod slots;
pub mod ticking;
mod timetable;

pub use timetable::{Task, Timetable, TimetableFields};
