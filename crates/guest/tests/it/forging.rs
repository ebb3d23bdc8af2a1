//! States of isolates that were tampered with: for the tests, and for the fuzz target `guest_resume`.

use taipan_snapshot::{Digest, Kind, Memory, Provenance, State, decode, encode};

/// Changes some bytes of an encoded state, as `input` says: of each four bytes two say which, one how, one to what.
/// Gives what a reader of snapshot files would accept of it.
pub(crate) fn forge(state: &[u8], input: &[u8]) -> Option<State> {
    let mut bytes = state.to_vec();
    for change in input.chunks_exact(4) {
        // States are some 200 KB long; their beginnings and ends are of most interest.
        let place = usize::from(u16::from_le_bytes([change[0], change[1]]));
        let place = if change[2] & 1 == 0 { place } else { place * 7 };
        let place = if change[2] & 2 == 0 { place } else { bytes.len().wrapping_sub(place + 1) };
        if let Some(byte) = bytes.get_mut(place) {
            *byte = if change[2] & 4 == 0 { change[3] } else { byte.wrapping_add(change[3] | 1) };
        }
    }
    let state: State = postcard::from_bytes(&bytes).ok()?;
    // The memory is of no matter here: one page of it.
    let memory = Memory { bytes: &[0; 65536], baseline: None };
    let provenance =
        Provenance { bundle: Digest([0; 32]), kind: Kind::Baseline, inputs: Default::default() };
    let file = encode(&memory, &state, &provenance).ok()?.to_vec();
    decode(&file).ok().map(|snapshot| snapshot.state)
}
