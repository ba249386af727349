//! Where Redis is and whom it must prove to be: `REDIS_URL`, `REDIS_CA` and `REDIS_TLS_VERIFY`, read the same way by both
//! programs, each with a client of its own.
//!
//! `redis://` is not encrypted. `rediss://` is, and the server's certificate must be signed by one of the machine's trusted
//! authorities and name the host. A server with a certificate of its own needs one of two explicit settings: its authority
//! ([`Trust::Ca`]), or none at all ([`Trust::Nobody`]), which anybody on the way can take advantage of.

use crate::env::{Env, Faulty};
use crate::secret::Secret;

/// Where Redis is looked for unless `REDIS_URL` says otherwise.
const DEFAULT_URL: &str = "redis://127.0.0.1:6379";
/// What a PEM file with a certificate contains.
const PEM_BEGIN: &str = "-----BEGIN CERTIFICATE-----";

/// Whose word is taken for it that a server is the right one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// The authorities that the machine trusts.
    System,
    /// These authorities (PEM) and no others.
    Ca(Vec<u8>),
    /// Nobody's: any certificate will do.
    Nobody,
}

/// A Redis and how it is trusted.
#[derive(Debug, Clone)]
pub struct RedisServer {
    /// Its address, with its password.
    pub url: Secret,
    /// Whose word is taken for its certificate, where the address begins with `rediss://`.
    pub trust: Trust,
}

impl RedisServer {
    /// Reads and checks the three variables; `is_usable` says whether the program's own client takes them.
    ///
    /// # Errors
    /// [`Faulty`] where one is wrong or two of them contradict each other.
    pub fn from_env(env: &mut Env, is_usable: impl Fn(&Self) -> bool) -> Result<Self, Faulty> {
        let expected = "a redis:// or rediss:// address without a #fragment";
        let url = env.optional("REDIS_URL", expected, DEFAULT_URL, |text| {
            let known = ["redis://", "rediss://"].iter().any(|scheme| text.starts_with(scheme)) && !text.contains('#');
            let server = Self { url: Secret::new(text), trust: Trust::System };
            (known && is_usable(&server)).then_some(server.url)
        });
        let ca = "/etc/ticket-desk/redis-ca.pem";
        let authority = env.optional("REDIS_CA", "a readable PEM file with certificates, or its text", ca, read_pem);
        let verify = env.optional("REDIS_TLS_VERIFY", "yes or no", "yes", |text| match text {
            "yes" => Some(true),
            "no" => Some(false),
            _ => None,
        });
        let (url, authority, verify) = (url?, authority?, verify?.unwrap_or(true));
        let url = url.unwrap_or_else(|| Secret::new(DEFAULT_URL));
        if !url.expose().starts_with("rediss://") && (authority.is_some() || !verify) {
            let name = if authority.is_some() { "REDIS_CA" } else { "REDIS_TLS_VERIFY" };
            let what = format!("needs TLS; expected {name} unset, or an address that begins with rediss://");
            return Err(env.fault("REDIS_URL", what, "rediss://:password@redis.example.com:6379"));
        }
        let trust = match (authority, verify) {
            (None, true) => Trust::System,
            (Some(pem), true) => Trust::Ca(pem),
            (None, false) => Trust::Nobody,
            (Some(_), false) => {
                let what = "is no while REDIS_CA is set; expected one of the two".to_owned();
                return Err(env.fault("REDIS_TLS_VERIFY", what, "yes"));
            }
        };
        let server = Self { url, trust };
        if is_usable(&server) {
            Ok(server)
        } else {
            Err(env.fault("REDIS_CA", "holds no certificate that can be used as an authority".to_owned(), ca))
        }
    }

    /// Whether the connection is encrypted.
    pub fn is_encrypted(&self) -> bool {
        self.url.expose().starts_with("rediss://")
    }
}

/// The text itself, or the file of that name; only if there is a certificate in it.
fn read_pem(text: &str) -> Option<Vec<u8>> {
    let pem = if text.contains(PEM_BEGIN) { text.to_owned() } else { std::fs::read_to_string(text).ok()? };
    pem.contains(PEM_BEGIN).then(|| pem.into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEM: &str = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----";

    fn read(pairs: &[(&str, &str)]) -> Result<RedisServer, String> {
        let mut env = Env::from_pairs(pairs.iter().copied());
        RedisServer::from_env(&mut env, |_| true).map_err(|_| env.into_error("worker").to_string())
    }

    #[test]
    fn the_machines_authorities_are_asked_unless_another_mode_is_named() {
        assert_eq!(read(&[]).unwrap().trust, Trust::System);
        let tls = ("REDIS_URL", "rediss://redis.example.com");
        assert_eq!(read(&[tls]).unwrap().trust, Trust::System);
        assert_eq!(read(&[tls, ("REDIS_TLS_VERIFY", "yes")]).unwrap().trust, Trust::System);
        assert_eq!(read(&[tls, ("REDIS_TLS_VERIFY", "no")]).unwrap().trust, Trust::Nobody);
        assert_eq!(read(&[tls, ("REDIS_CA", PEM)]).unwrap().trust, Trust::Ca(PEM.into()));
    }

    #[test]
    fn what_contradicts_itself_is_a_fault() {
        let tls = ("REDIS_URL", "rediss://redis.example.com");
        for (pairs, variable) in [
            (&[("REDIS_URL", "http://x")][..], "REDIS_URL is not valid"),
            (&[("REDIS_URL", "redis-cluster://x")], "REDIS_URL is not valid"),
            (&[("REDIS_URL", "redis-sentinel://x")], "REDIS_URL is not valid"),
            (&[("REDIS_URL", "rediss://x/#insecure")], "REDIS_URL is not valid"),
            (&[("REDIS_CA", PEM)], "REDIS_URL needs TLS"),
            (&[("REDIS_TLS_VERIFY", "no")], "REDIS_URL needs TLS"),
            (&[tls, ("REDIS_TLS_VERIFY", "maybe")], "REDIS_TLS_VERIFY is not valid"),
            (&[tls, ("REDIS_CA", PEM), ("REDIS_TLS_VERIFY", "no")], "REDIS_TLS_VERIFY is no"),
            (&[tls, ("REDIS_CA", "/does/not/exist.pem")], "REDIS_CA is not valid"),
            (&[tls, ("REDIS_CA", "/etc/hostname")], "REDIS_CA is not valid"),
        ] {
            let message = read(pairs).unwrap_err();
            assert!(message.contains(variable), "{variable} in {message}");
        }
    }
}
