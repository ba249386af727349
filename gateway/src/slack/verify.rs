//! Proof that a request comes from Slack.
//!
//! [`SignedBody`] can only be had by verifying: the signature (HMAC-SHA256 over `v0:timestamp:body`) is checked on the
//! raw bytes, in constant time, before anything is parsed. Source: "Verifying requests from Slack" in Slack's reference.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use common::clock::Clock;
use common::secret::Secret;
use hmac::{Hmac, KeyInit, Mac};
use poem::error::{ReadBodyError, ResponseError};
use poem::http::header::{CONNECTION, CONTENT_LENGTH};
use poem::http::{HeaderMap, StatusCode};
use poem::{FromRequest, Request, RequestBody, Response};
use sha2::Sha256;

use crate::app::Gateway;

/// Largest body that is read; Slack's largest payloads are views of 250 KB.
const MAX_BODY: usize = 1024 * 1024;
/// How far a request's timestamp may be from our clock, in seconds.
pub(crate) const WINDOW: u64 = 300;
/// How long a body may take to arrive.
const BODY_DEADLINE: Duration = Duration::from_secs(2);

/// The signing secrets that are valid now.
pub struct Verifier {
    secrets: Vec<Secret>,
    clock: Clock,
}

/// The raw body of a request that was signed by Slack.
pub(crate) struct SignedBody(Bytes);

/// Why a request isn't taken for Slack's; the client learns the status and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Rejection {
    #[error("signature headers are missing, doubled or malformed")]
    Headers,
    #[error("the timestamp is too far from our clock")]
    Stale,
    #[error("the signature is wrong")]
    Signature,
    #[error("the body is too large")]
    TooLarge,
    #[error("the body did not arrive in time")]
    TooSlow,
}

impl Verifier {
    /// Accepts requests signed with any of `secrets`.
    pub fn new(secrets: Vec<Secret>, clock: Clock) -> Self {
        Self { secrets, clock }
    }

    fn check(&self, signed: &Signed, body: &[u8]) -> Result<(), Rejection> {
        let genuine = self.secrets.iter().fold(false, |genuine, secret| {
            let mut mac =
                Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()).expect("HMAC takes any key length");
            mac.update(b"v0:");
            mac.update(signed.timestamp.as_bytes());
            mac.update(b":");
            mac.update(body);
            mac.verify_slice(&signed.signature).is_ok() | genuine
        });
        if genuine { Ok(()) } else { Err(Rejection::Signature) }
    }

    fn check_age(&self, signed: &Signed) -> Result<(), Rejection> {
        let seconds: i64 = signed.timestamp.parse().map_err(|_| Rejection::Headers)?;
        if self.clock.now().timestamp().abs_diff(seconds) > WINDOW { Err(Rejection::Stale) } else { Ok(()) }
    }
}

/// The two signature headers, well-formed but not believed yet.
struct Signed {
    timestamp: String,
    signature: [u8; 32],
}

impl Signed {
    fn from_headers(headers: &HeaderMap) -> Result<Self, Rejection> {
        let timestamp = only(headers, "x-slack-request-timestamp")?;
        if timestamp.is_empty() || timestamp.len() > 12 || !timestamp.bytes().all(|b| b.is_ascii_digit()) {
            return Err(Rejection::Headers);
        }
        let digits = only(headers, "x-slack-signature")?.strip_prefix("v0=").ok_or(Rejection::Headers)?;
        if !digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(Rejection::Headers);
        }
        let mut signature = [0; 32];
        hex::decode_to_slice(digits, &mut signature).map_err(|_| Rejection::Headers)?;
        Ok(Self { timestamp: timestamp.to_owned(), signature })
    }
}

/// A header that is there exactly once.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Result<&'a str, Rejection> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().map_err(|_| Rejection::Headers),
        _ => Err(Rejection::Headers),
    }
}

/// What the client says that the body's length is; none for a body in chunks.
fn announced_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

impl SignedBody {
    /// The bytes as they were signed.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl<'a> FromRequest<'a> for SignedBody {
    async fn from_request(request: &'a Request, body: &mut RequestBody) -> poem::Result<Self> {
        let gateway = request.data::<Arc<Gateway>>().expect("the app gives every route its gateway");
        let signed = Signed::from_headers(request.headers())?;
        gateway.verifier.check_age(&signed)?;
        if announced_length(request.headers()).is_some_and(|length| length > MAX_BODY as u64) {
            return Err(Rejection::TooLarge.into());
        }
        let read = body.take()?.into_bytes_limit(MAX_BODY);
        let bytes = match tokio::time::timeout(BODY_DEADLINE, read).await {
            Ok(Ok(bytes)) => bytes,
            Ok(Err(ReadBodyError::PayloadTooLarge)) => return Err(Rejection::TooLarge.into()),
            Ok(Err(_)) | Err(_) => return Err(Rejection::TooSlow.into()),
        };
        gateway.verifier.check(&signed, &bytes)?;
        Ok(Self(bytes))
    }
}

impl ResponseError for Rejection {
    fn status(&self) -> StatusCode {
        match self {
            Self::Headers | Self::Stale | Self::Signature => StatusCode::UNAUTHORIZED,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
        }
    }

    fn as_response(&self) -> Response {
        tracing::warn!(reason = %self, "refused a request");
        let answer = Response::builder().status(self.status());
        match self {
            // The rest of the body is not read, so that no other request can follow it.
            Self::TooLarge | Self::TooSlow => answer.header(CONNECTION, "close").finish(),
            Self::Headers | Self::Stale | Self::Signature => answer.finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;

    /// The example that Slack publishes with its description of the signature.
    const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";
    const TIMESTAMP: &str = "1531420618";
    const SIGNATURE: &str = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";
    const BODY: &[u8] = b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";

    fn check(
        secrets: &[&str],
        seconds_later: i64,
        timestamp: &str,
        signature: &str,
        body: &[u8],
    ) -> Result<(), Rejection> {
        let now = DateTime::from_timestamp(1_531_420_618 + seconds_later, 0).unwrap();
        let verifier = Verifier::new(secrets.iter().copied().map(Secret::new).collect(), Clock::fixed(now));
        let mut headers = HeaderMap::new();
        headers.insert("x-slack-request-timestamp", timestamp.parse().unwrap());
        headers.insert("x-slack-signature", signature.parse().unwrap());
        let signed = Signed::from_headers(&headers)?;
        verifier.check_age(&signed)?;
        verifier.check(&signed, body)
    }

    #[test]
    fn slacks_published_example_is_genuine() {
        assert_eq!(check(&[SECRET], 0, TIMESTAMP, SIGNATURE, BODY), Ok(()));
    }

    #[test]
    fn both_secrets_count_during_rotation() {
        assert_eq!(check(&["new", SECRET], 0, TIMESTAMP, SIGNATURE, BODY), Ok(()));
        assert_eq!(check(&[SECRET, "new"], 0, TIMESTAMP, SIGNATURE, BODY), Ok(()));
        assert_eq!(check(&["new", "newer"], 0, TIMESTAMP, SIGNATURE, BODY), Err(Rejection::Signature));
    }

    #[test]
    fn three_hundred_seconds_either_way() {
        for near in [-300, 300] {
            assert_eq!(check(&[SECRET], near, TIMESTAMP, SIGNATURE, BODY), Ok(()));
        }
        for far in [-301, 301] {
            assert_eq!(check(&[SECRET], far, TIMESTAMP, SIGNATURE, BODY), Err(Rejection::Stale));
        }
    }

    #[test]
    fn whatever_is_not_exactly_the_signature_is_refused() {
        let mut tampered = BODY.to_vec();
        tampered[0] ^= 1;
        assert_eq!(check(&[SECRET], 0, TIMESTAMP, SIGNATURE, &tampered), Err(Rejection::Signature));
        assert_eq!(check(&[SECRET], 0, "1531420619", SIGNATURE, BODY), Err(Rejection::Signature));
        let upper = format!("v0={}", SIGNATURE[3..].to_uppercase());
        let version = SIGNATURE.replace("v0=", "v1=");
        for malformed in
            [&upper, &version, &SIGNATURE[..66], "v0=", "", &format!("{SIGNATURE}0"), &format!(" {SIGNATURE} x")]
        {
            assert_eq!(check(&[SECRET], 0, TIMESTAMP, malformed, BODY), Err(Rejection::Headers), "{malformed}");
        }
        for malformed in ["", "-1531420618", "+1531420618", "1531420618.0", "99999999999999999999"] {
            assert_eq!(check(&[SECRET], 0, malformed, SIGNATURE, BODY), Err(Rejection::Headers), "{malformed}");
        }
    }
}
