//! Gives an isolate what the operations of this crate work with.

use taipan_guest::Scope;

use crate::Console;
use crate::body::Bodies;
use crate::encoding::Decoders;
use crate::fetch::Client;
use crate::pending::Pending;
use crate::requests::Requests;

/// Gives an isolate what the operations of this crate work with. Without a client, it has no network.
pub fn connect(
    scope: &mut Scope<'_>,
    pending: Pending,
    requests: Requests,
    console: Console,
    client: Option<Client>,
) {
    let extensions = scope.extensions_mut();
    extensions.insert(pending);
    extensions.insert(requests);
    extensions.insert(console);
    extensions.insert(Bodies::default());
    extensions.insert(Decoders::default());
    if let Some(client) = client {
        extensions.insert(client);
    }
}
