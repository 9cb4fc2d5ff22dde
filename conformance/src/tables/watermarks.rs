//! Payloads with other watermark bytes, and packed data.

use super::decoding::{decoded, malformed};
use crate::case::{DecodeCase, Decoded};
use crate::payload::MAINNET;

pub(super) fn cases() -> Vec<DecodeCase> {
    let body = [MAINNET.as_slice(), &[0xb0; 75]].concat();
    let mut cases = vec![
        malformed(
            "watermark/empty",
            "An empty payload has no watermark; octez-signer fails on reading byte 0 (handler.ml).",
            Vec::new(),
            "payer-p256",
            "empty",
            0,
        ),
        decoded(
            "watermark/packed-data",
            "Packed Michelson data begins with 05 by convention; contracts verify signatures of it, so a policy can \
             permit it.",
            vec![0x05, 0x01, 0x00, 0x00, 0x00, 0x05, b'h', b'e', b'l', b'l', b'o'],
            "payer-p256",
            Decoded::PackedData {},
        ),
        malformed(
            "watermark/packed-data-of-nothing",
            "PACK never returns the byte 05 alone: an expression always follows.",
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
            "No watermark has this byte (signature_v3.ml, bytes_of_watermark), so the meaning of the payload is \
             unknown.",
        ),
        (
            0x01,
            "legacy-block",
            "A block of the Emmy protocols, with level and priority at other offsets: no chain accepts it today, and \
             its mark would be read from the wrong bytes.",
        ),
        (
            0x02,
            "legacy-endorsement",
            "An endorsement of the Emmy protocols: no chain accepts it today, and its level is in its last four bytes.",
        ),
        (
            0x04,
            "authenticated-request",
            "An authenticated signing request (signer_messages.ml): signing it would let any client act on behalf of \
             this key.",
        ),
        (
            0x06,
            "after-packed-data",
            "No watermark has this byte (signature_v3.ml): the meaning of the payload is \
                                     unknown.",
        ),
        (0x10, "before-block", "No watermark has this byte; it must not be taken for its neighbour."),
        (0x14, "after-attestation", "No watermark has this byte; a future protocol may give it any meaning."),
        (
            0xf8,
            "blueprint",
            "An Etherlink blueprint is RLP without a watermark (etherlink/bin_node/lib_dev/signer.ml): bytes without \
             a watermark can collide with anything.",
        ),
        (0xff, "all-ones", "No watermark has this byte (signature_v3.ml): the meaning of the payload is unknown."),
    ] {
        let payload = [vec![byte], body.clone()].concat();
        cases.push(malformed(&format!("watermark/{name}"), why, payload, "payer-p256", "unknown_watermark", 0));
    }
    cases
}
