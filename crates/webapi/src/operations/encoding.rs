//! Text in encodings other than UTF-8 (Encoding).

use taipan_guest::{Call, Operation, Output, Throw};

use super::call::{owner, state, text_or_null};
use crate::encoding::{self, Decoders, Options};
use crate::under_way::{self, Id};

/// The operations.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation { name: "encoding_for_label", call: encoding_for_label },
    Operation { name: "text_decode", call: text_decode },
    Operation { name: "text_decoder_open", call: text_decoder_open },
    Operation { name: "text_decoder_decode", call: text_decoder_decode },
    Operation { name: "text_decoder_close", call: text_decoder_close },
];

/// `host.encoding_for_label(label)`: the encoding's name in lower case, or null.
fn encoding_for_label(call: &mut Call<'_>) -> Result<Output, Throw> {
    Ok(text_or_null(encoding::for_label(&call.text(0)?)))
}

/// `host.text_decode(encoding, bytes, fatal, ignoreBOM)`: text; a `TypeError` when fatal and malformed.
fn text_decode(call: &mut Call<'_>) -> Result<Output, Throw> {
    let (encoding, bytes) = (call.text(0)?, call.bytes(1)?);
    let options = Options { fatal: call.boolean(2)?, ignore_bom: call.boolean(3)? };
    Ok(Output::Text(encoding::decode(&encoding, options, &bytes)?))
}

/// `host.text_decoder_open(encoding, fatal, ignoreBOM)`: the number of a decoder.
fn text_decoder_open(call: &mut Call<'_>) -> Result<Output, Throw> {
    let encoding = call.text(0)?;
    let options = Options { fatal: call.boolean(1)?, ignore_bom: call.boolean(2)? };
    let owner = owner(call)?;
    let id = decoders(call)?.open(owner, &encoding, options)?;
    under_way::note(&mut call.scope, Id::Decoder(id), || under_way::DECODER.into());
    Ok(id.into())
}

/// `host.text_decoder_decode(id, bytes, last)`: text; `last` ends and forgets the decoder, and so does an error.
fn text_decoder_decode(call: &mut Call<'_>) -> Result<Output, Throw> {
    let (id, bytes, last) = (call.unsigned(0)?, call.bytes(1)?, call.boolean(2)?);
    Ok(Output::Text(decoders(call)?.decode(id, &bytes, last)?))
}

/// `host.text_decoder_close(id)`: forgets a decoder; unknown numbers are ignored.
fn text_decoder_close(call: &mut Call<'_>) -> Result<Output, Throw> {
    let id = call.unsigned(0)?;
    decoders(call)?.close(id);
    Ok(Output::Undefined)
}

fn decoders<'a>(call: &'a mut Call<'_>) -> Result<&'a mut Decoders, Throw> {
    state(call, "decoding in pieces")
}
