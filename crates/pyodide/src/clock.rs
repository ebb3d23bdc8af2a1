//! Clocks and entropy, which Python asks for through WASI: from the isolate's host,
//! without going through JavaScript.

use taipan_guest::{
    Call, DefineResult, Error, Linker, NativeCaller, NativeResult, Output, Scope, Throw,
};

use crate::seeds;

const WASI: &str = "wasi_snapshot_preview1";
const SUCCESS: u32 = 0;
/// `EINVAL`, as Emscripten's musl numbers it.
const INVALID: u32 = 28;
/// The clock that tells the time of day; those up to `CLOCK_MAX` count from some start.
const CLOCK_REALTIME: u32 = 0;
const CLOCK_MAX: u32 = 3;
const NANOSECONDS_PER_MILLISECOND: f64 = 1e6;
/// What the glue says of its clocks: a millisecond for the time of day, else 1 µs.
const RESOLUTION_REALTIME: u64 = 1_000_000;
const RESOLUTION_MONOTONIC: u64 = 1_000;
/// Random bytes that are asked of the host at a time: `os.urandom` asks for 256.
const RANDOM_CHUNK: usize = 256;

/// Defines them.
///
/// # Errors
///
/// When the main module imports one with another type.
pub(crate) fn define(linker: &mut Linker) -> DefineResult {
    linker.func_wrap("env", "emscripten_date_now", |mut caller: NativeCaller<'_>| {
        Scope::of(&mut caller).host().wall_clock()
    })?;
    linker.func_wrap("env", "emscripten_get_now", |mut caller: NativeCaller<'_>| {
        Scope::of(&mut caller).host().monotonic_clock()
    })?;
    linker.func_wrap(
        WASI,
        "clock_time_get",
        |mut caller: NativeCaller<'_>, clock: u32, _: u64, result: u32| {
            clock_time_get(&mut Scope::of(&mut caller), clock, result)
        },
    )?;
    linker.func_wrap(
        WASI,
        "clock_res_get",
        |mut caller: NativeCaller<'_>, clock: u32, result: u32| {
            clock_res_get(&mut Scope::of(&mut caller), clock, result)
        },
    )?;
    linker.func_wrap(
        WASI,
        "random_get",
        |mut caller: NativeCaller<'_>, address: u32, length: u32| {
            random_get(&mut Scope::of(&mut caller), address, length)
        },
    )?;
    // Up to 0.27.
    linker.func_wrap(
        "env",
        "getentropy",
        |mut caller: NativeCaller<'_>, address: u32, length: u32| {
            random_get(&mut Scope::of(&mut caller), address, length)
        },
    )?;
    Ok(())
}

fn clock_time_get(scope: &mut Scope<'_>, clock: u32, result: u32) -> NativeResult<u32> {
    let milliseconds = match clock {
        CLOCK_REALTIME => scope.host().wall_clock(),
        1..=CLOCK_MAX => scope.host().monotonic_clock(),
        _ => return Ok(INVALID),
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the cast saturates"
    )]
    let nanoseconds = (milliseconds * NANOSECONDS_PER_MILLISECOND).round() as u64;
    scope.write(result, &nanoseconds.to_le_bytes())?;
    Ok(SUCCESS)
}

fn clock_res_get(scope: &mut Scope<'_>, clock: u32, result: u32) -> NativeResult<u32> {
    let nanoseconds = match clock {
        CLOCK_REALTIME => RESOLUTION_REALTIME,
        1..=CLOCK_MAX => RESOLUTION_MONOTONIC,
        _ => return Ok(INVALID),
    };
    scope.write(result, &nanoseconds.to_le_bytes())?;
    Ok(SUCCESS)
}

/// `host.random_read(bytes)`: what a read of `/dev/urandom` gives.
pub(crate) fn random_read(call: &mut Call<'_>) -> Result<Output, Throw> {
    let (address, length) = call.byte_range(0)?;
    fill(&mut call.scope, seeds::DEVICE, address, length)?;
    Ok(Output::Undefined)
}

fn random_get(scope: &mut Scope<'_>, address: u32, length: u32) -> NativeResult<u32> {
    fill(scope, "os.urandom()", address, length)?;
    Ok(SUCCESS)
}

/// Entropy for a program that takes it through `what`.
fn fill(scope: &mut Scope<'_>, what: &str, address: u32, length: u32) -> Result<(), Error> {
    // All of it must be there before any of it is written.
    scope.bytes(address, length)?;
    scope.note_entropy(what, length as usize);
    let mut chunk = [0; RANDOM_CHUNK];
    let end = address + length;
    for start in (address..end).step_by(RANDOM_CHUNK) {
        let chunk = &mut chunk[..RANDOM_CHUNK.min((end - start) as usize)];
        scope.host().random(chunk);
        scope.write(start, chunk)?;
    }
    Ok(())
}
