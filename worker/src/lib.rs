//! The worker: consumes jobs, changes PostgreSQL, and makes Slack show the state.
//!
//! Arrows: views and retry know nobody; db and slack know the domain; jobs and delivery use both; run drives them.

pub mod config;
pub mod consumer;
pub mod context;
pub mod db;
pub mod dead;
pub mod delivery;
pub mod doctor;
pub mod export;
pub mod form;
pub mod gauges;
pub mod jobs;
pub mod lists;
pub mod manifest;
pub mod monitor;
pub mod obstacle;
pub mod parked;
pub mod period;
pub mod postgres;
pub mod redis;
pub mod request;
pub mod retry;
pub mod run;
pub mod schedule;
pub mod settle;
pub mod slack;
pub mod views;
