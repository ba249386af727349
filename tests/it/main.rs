//! The one test binary.

mod conversation;
mod crashes;
mod deploy;
mod doctor;
mod documents;
mod export;
mod filing;
mod gateway;
mod gateway_process;
mod images;
mod lists;
mod load;
mod manifest;
mod metrics;
mod queue_faults;
mod redis_faults;
mod repository;
mod road;
mod sandbox;
mod slack_faults;
mod slack_limits;
mod slack_messages;
mod slack_refusals;
mod stand_in;
mod summary;
mod working;
