//! `worker manifest`: the Slack app's manifest with the gateway's address filled in.
//!
//! The file is built in, so that what is printed belongs to this build: its commands, its events, its scopes.

use anyhow::bail;
use url::Url;

/// The manifest as it is in the repository.
pub const MANIFEST: &str = include_str!("../../manifest.yaml");
/// What stands there for the gateway's address.
pub const PLACEHOLDER: &str = "https://YOUR-ADDRESS";

/// The manifest for a gateway that Slack reaches at `address`.
///
/// # Errors
/// When the address is none that Slack would call.
pub fn for_address(address: &str) -> anyhow::Result<String> {
    let example = "expected an https address such as https://tickets.example.com";
    let Ok(url) = Url::parse(address.trim().trim_end_matches('/')) else { bail!("--url is no address; {example}") };
    if url.scheme() != "https" {
        bail!("--url must begin with https, since Slack calls nothing else; {example}");
    }
    let plain = url.username().is_empty() && url.query().is_none() && url.fragment().is_none();
    if !plain || url.path() != "/" {
        bail!("--url must be scheme, host and port alone: the paths are in the manifest; {example}");
    }
    Ok(template().replace(PLACEHOLDER, url.as_str().trim_end_matches('/')))
}

/// The manifest with the placeholder, without the comment before it.
pub fn template() -> &'static str {
    &MANIFEST[MANIFEST.find("_metadata:").unwrap_or_default()..]
}

/// The scopes that the manifest asks for.
pub fn scopes() -> Vec<&'static str> {
    let list = MANIFEST.split_once("    bot:\n").map_or("", |(_, list)| list);
    list.lines().map_while(|line| line.strip_prefix("      - ")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_filled_in_everywhere() {
        for address in ["https://tickets.example.com", " https://tickets.example.com/ "] {
            let manifest = for_address(address).unwrap();
            assert!(!manifest.contains("YOUR-ADDRESS"));
            assert_eq!(manifest.matches("https://tickets.example.com/api/tickets/").count(), 6);
        }
    }

    #[test]
    fn what_slack_would_not_call_is_refused_with_an_example() {
        for wrong in
            ["", "tickets.example.com", "http://tickets.example.com", "https://a.example/api", "https://a.example?x=1"]
        {
            let error = for_address(wrong).unwrap_err().to_string();
            assert!(error.contains("such as https://"), "{wrong}: {error}");
        }
    }

    #[test]
    fn the_scopes_are_read_from_the_manifest() {
        assert!(scopes().contains(&"commands") && scopes().contains(&"users:read"));
        assert!(scopes().iter().all(|scope| scope.bytes().all(|b| b.is_ascii_lowercase() || b == b':')));
    }
}
