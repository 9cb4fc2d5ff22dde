use super::decoding::{decoded, malformed};
use crate::case::{DecodeCase, Decoded};
use crate::payload::MAINNET;

pub(super) fn cases() -> Vec<DecodeCase> {
    let body = [MAINNET.as_slice(), &[0xb0; 75]].concat();
    let mut cases = vec![
        malformed(
            "watermark/empty",
            "There is no byte that says what the payload is; octez-signer fails on reading byte 0 (handler.ml).",
            Vec::new(),
            "payer-p256",
            "empty",
            0,
        ),
        decoded(
            "watermark/packed-data",
            "Packed Michelson data begins with 05 by convention; contracts check signatures of it, so a key may be allowed to \
             sign it.",
            vec![0x05, 0x01, 0x00, 0x00, 0x00, 0x05, b'h', b'e', b'l', b'l', b'o'],
            "payer-p256",
            Decoded::PackedData {},
        ),
        malformed(
            "watermark/packed-data-of-nothing",
            "PACK never gives the byte 05 alone: there is always an expression behind it.",
            vec![0x05],
            "payer-p256",
            "truncated",
            1,
        ),
    ];
    for (byte, name, why) in [
        (
            0x00,
            "zero",
            "No watermark has this byte (signature_v3.ml, bytes_of_watermark), so nobody can say what is signed.",
        ),
        (
            0x01,
            "legacy-block",
            "A block of the Emmy protocols, whose level and priority stand elsewhere: no chain takes it today, and a mark for it \
             would be read from the wrong bytes.",
        ),
        (
            0x02,
            "legacy-endorsement",
            "An endorsement of the Emmy protocols: no chain takes it today, and its level stands in its last four bytes.",
        ),
        (
            0x04,
            "authenticated-request",
            "An authenticated signing request (signer_messages.ml): signing it would let whoever asks speak for this key.",
        ),
        (0x06, "after-packed-data", "No watermark has this byte (signature_v3.ml): nobody can say what is signed."),
        (0x10, "before-block", "No watermark has this byte; it must not be taken for its neighbour."),
        (0x14, "after-attestation", "No watermark has this byte; a next protocol may give it any meaning."),
        (
            0xf8,
            "blueprint",
            "An Etherlink blueprint is RLP without a watermark (etherlink/bin_node/lib_dev/signer.ml): bytes without one can \
             collide with anything.",
        ),
        (0xff, "all-ones", "No watermark has this byte (signature_v3.ml): nobody can say what is signed."),
    ] {
        let payload = [vec![byte], body.clone()].concat();
        cases.push(malformed(&format!("watermark/{name}"), why, payload, "payer-p256", "unknown_watermark", 0));
    }
    cases
}
