//! Redis away, restarted, emptied, full, slow, or silent: nobody's ticket is lost, and everybody is told in time.

mod answers;
mod refusals;
mod restarts;

use std::time::Duration;

use harness::desk::{Desk, Settings, test_waits};
use harness::servers::PrivateRedis;
use harness::slack::SlackStandIn;
use worker::config::Waits;

use crate::gateway::get;
use crate::load::eventually;

/// Redis being in trouble may cost a request this much.
const IN_TIME: Duration = Duration::from_millis(1500);

/// A desk with a Redis that the test may harm.
pub(crate) async fn desk_on(redis: &PrivateRedis) -> Desk {
    let settings = Settings { redis_url: redis.url(), ..Settings::private().await };
    // Most forms exist only in payloads: nobody needs to wait for them.
    let waits = Waits { view_by_external_id: Duration::from_millis(200), ..test_waits() };
    Desk::start_with(SlackStandIn::start().await, settings, waits).await
}

async fn until_ready(desk: &Desk) {
    eventually("the gateway is ready", async || get(&desk.gateway_url, "/readyz").await.0 == 200).await;
}
