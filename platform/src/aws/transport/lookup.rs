//! Looking up the address of an endpoint before anybody connects to it.

use http::Uri;
use hyper_util::client::legacy::connect::dns::{GaiAddrs, GaiFuture, GaiResolver, Name};
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use tower_service::Service;

/// The system's resolver, which has begun with the first lookup already.
#[derive(Clone)]
pub(super) struct Lookup {
    system: GaiResolver,
    begun: Arc<Mutex<Option<(Name, GaiFuture)>>>,
}

impl Lookup {
    /// Begins to look up the host of an endpoint, in a thread of the runtime; not when the host is
    /// an address.
    pub(super) fn begin(endpoint: &str) -> Self {
        let mut system = GaiResolver::new();
        let endpoint = endpoint.parse::<Uri>().ok();
        let host = endpoint.as_ref().and_then(Uri::host);
        let name = host.filter(|host| !is_address(host)).and_then(|host| host.parse::<Name>().ok());
        let begun = name.map(|name| (name.clone(), system.call(name)));
        Self { system, begun: Arc::new(Mutex::new(begun)) }
    }
}

fn is_address(host: &str) -> bool {
    host.starts_with('[') || host.parse::<IpAddr>().is_ok()
}

impl fmt::Debug for Lookup {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Lookup").finish_non_exhaustive()
    }
}

impl Service<Name> for Lookup {
    type Response = GaiAddrs;
    type Error = io::Error;
    type Future = GaiFuture;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.system.poll_ready(context)
    }

    fn call(&mut self, name: Name) -> GaiFuture {
        // The first answer is for the first connection: a later one is to find out what has changed.
        let begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner).take();
        match begun {
            Some((of, future)) if of == name => future,
            _ => self.system.call(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Lookup, Name, Service};

    async fn addresses(lookup: &mut Lookup) -> usize {
        let name = "localhost".parse::<Name>().unwrap();
        lookup.call(name).await.unwrap().count()
    }

    #[tokio::test]
    async fn the_first_answer_was_asked_for_in_advance_and_later_ones_when_wanted() {
        let mut lookup = Lookup::begin("https://localhost:8000/");
        assert!(lookup.begun.lock().unwrap().is_some());
        assert_ne!(addresses(&mut lookup).await, 0);
        assert!(lookup.begun.lock().unwrap().is_none(), "one answer for one connection");
        assert_ne!(addresses(&mut lookup).await, 0);
    }

    #[tokio::test]
    async fn an_answer_for_another_name_is_not_taken() {
        // Longer than a name may be, so looking it up fails at once.
        let mut lookup = Lookup::begin(&format!("https://{}/", "a".repeat(300)));
        assert!(lookup.begun.lock().unwrap().is_some());
        assert_ne!(addresses(&mut lookup).await, 0);
    }

    #[tokio::test]
    async fn an_address_is_not_looked_up() {
        for endpoint in ["http://127.0.0.1:8000", "http://[::1]:8000", "no address", ""] {
            assert!(Lookup::begin(endpoint).begun.lock().unwrap().is_none(), "{endpoint}");
        }
    }
}
