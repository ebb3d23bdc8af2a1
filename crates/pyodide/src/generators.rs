//! The generators of module `random` in an isolate that is resumed: the host draws their states again, so that no
//! Python has to run for it.

use taipan_guest::Scope;

/// Words of the state of a Mersenne Twister (CPython 3.14, `Modules/_randommodule.c`: `N`).
const WORDS: u32 = 624;

/// Where the state lies in a `RandomObject` (same file): after `PyObject_HEAD` come `int index` and
/// `uint32_t state[N]`.
const HEAD_BYTES: u32 = 8;
const STATE_BYTES: u32 = (1 + WORDS) * 4;

/// With this index, the next number makes new words of all.
const ALL_DRAWN: u32 = WORDS;

/// The bit by which a state is not all zeros, where it would stay for ever.
const NOT_ZERO: u32 = 1 << 31;

/// The addresses of the generators whose states the host draws.
#[derive(Debug, Default)]
pub(crate) struct Generators(pub(crate) Vec<u32>);

/// Has the host draw the states of these generators in each isolate: each is an address, and the state that Python
/// says it has (`_random.Random.getstate`: the words, and the index). False, and nothing is done, when one of them is
/// not where a generator would have it: then Python has to.
pub fn keep_generators(scope: &mut Scope<'_>, generators: &[(u32, Vec<u32>)]) -> bool {
    let known = generators.iter().all(|(address, state)| {
        let Some((index, words)) = state.split_last() else { return false };
        let state = std::iter::once(index).chain(words).flat_map(|word| word.to_le_bytes());
        let found = address
            .checked_add(HEAD_BYTES)
            .and_then(|address| scope.bytes(address, STATE_BYTES).ok());
        found.is_some_and(|found| state.eq(found.iter().copied()))
    });
    let kept =
        if known { generators.iter().map(|(address, _)| *address).collect() } else { Vec::new() };
    scope.extensions_mut().insert(Generators(kept));
    known
}

/// Draws the states of generators at these addresses.
///
/// # Errors
///
/// When an address is not in the memory.
pub(crate) fn draw(scope: &mut Scope<'_>, addresses: &[u32]) -> Result<(), taipan_guest::Error> {
    let mut state = [0; STATE_BYTES as usize];
    for address in addresses {
        scope.host().random(&mut state);
        state[..4].copy_from_slice(&ALL_DRAWN.to_le_bytes());
        state[7] |= NOT_ZERO.to_le_bytes()[3];
        scope.write(address.saturating_add(HEAD_BYTES), &state)?;
    }
    Ok(())
}
