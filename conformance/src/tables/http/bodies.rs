//! Cases of request bodies.

use super::requests::{around, case, explained, post, signs, text, usual};
use crate::case::{Answer, Body, HttpCase, HttpRequest};

pub(super) fn cases() -> Vec<HttpCase> {
    [bodies(), lengths()].concat()
}

fn bodies() -> Vec<HttpCase> {
    let mut cases = Vec::new();
    for (name, body, why) in [
        ("empty", text(""), "An empty body is not a payload; to octez-client, 400 means that it built a bad request."),
        (
            "not-json",
            around("{payload}"),
            "Hexadecimal digits without quotes are not JSON: the service takes a JSON string (signer_services.ml).",
        ),
        ("number", text("17"), "Decimal digits look like hexadecimal ones: 17 is not the byte 0x17."),
        ("null", text("null"), "null is not a payload: a library that converts it to an empty string signs nothing."),
        (
            "boolean",
            text("true"),
            "true is JSON, but not a payload: a library that converts it to a string signs the wrong data.",
        ),
        (
            "object",
            around("{\"data\":\"{payload}\"}"),
            "An object is not a payload, no matter its fields: Octez sends a string (signer_services.ml, sign).",
        ),
        ("list", around("[\"{payload}\"]"), "A list of payloads is not a payload: which of them would be signed?"),
        (
            "two-strings",
            around("\"{payload}\" \"{payload}\""),
            "Two JSON values are not a JSON value: a parser that stops after the first ignores the rest.",
        ),
        (
            "half-a-string",
            around("\"{payload}"),
            "The closing quote is missing: the body may be truncated, and the payload with it.",
        ),
        ("single-quotes", around("'{payload}'"), "JSON strings have double quotes, never single ones."),
        (
            "odd-digits",
            around("\"{payload}0\""),
            "An odd number of digits is not a whole number of bytes: padding it results in another payload.",
        ),
        (
            "not-hexadecimal",
            around("\"{payload}0g\""),
            "g is not a hexadecimal digit: a parser that stops there signs less than was sent.",
        ),
        ("prefix-0x", around("\"0x{payload}\""), "Octez does not write the prefix 0x, and x is not a digit."),
        (
            "space-inside",
            around("\"{payload} \""),
            "White space in the string is not a digit: ignoring it gives one payload many encodings.",
        ),
        (
            "newline-inside",
            around("\"{payload}\\n\""),
            "An escaped newline in the string is not a digit: ignoring it gives one payload many encodings.",
        ),
        ("base58", text("\"tz3ZxowXGSjiVq227GQcwKdz87rKhq62rY4t\""), "Base58 where hexadecimal digits are expected."),
        ("nul", text("\"\\u0000\""), "An escaped NUL ends strings in C: what follows it would be ignored."),
        (
            "full-width-digits",
            text("\"\u{ff11}\u{ff13}\""),
            "Digits of other scripts are Unicode digits, but not hexadecimal digits.",
        ),
    ] {
        cases.push(case(&format!("body/{name}"), &explained(why), vec![post(body, 400, Answer::Errors)]));
    }
    cases.push(case(
        "body/not-utf-8",
        "Invalid UTF-8 is not JSON, and must not crash the process.",
        vec![post(Body::Bytes(vec![0xff, 0xfe, 0x22, 0x22].into()), 400, Answer::Errors)],
    ));
    cases.push(case(
        "body/empty-string",
        "An empty string encodes an empty payload: well-formed, but nothing to sign. octez-signer fails on reading \
         byte 0.",
        vec![post(text("\"\""), 403, Answer::Errors)],
    ));
    for (name, template, why) in [
        ("newline", "\"{payload}\"\n", "octez-client sends minified JSON and a newline (media_type.ml, json)."),
        ("plain", "\"{payload}\"", "Other clients, such as Taquito and tzgo, send no newline."),
        (
            "white-space",
            " \r\n\t\"{payload}\"\t\r\n ",
            "JSON allows surrounding white space (RFC 8259, 2): a client may pretty-print.",
        ),
        ("upper-case", "\"{PAYLOAD}\"\n", "Hexadecimal digits are case-insensitive: some clients send upper case."),
        (
            "escaped-digits",
            "\"\\u0031\\u0033{payload-from-1}\"",
            "JSON may escape any character (RFC 8259, 7): \\u0031 is the digit 1.",
        ),
    ] {
        cases.push(case(&format!("body/{name}"), &explained(why), vec![signs(around(template))]));
    }
    cases.push(case(
        "body/no-content-type",
        "Some clients send no content type: the body shows what it is.",
        vec![HttpRequest { headers: Vec::new(), ..signs(usual()) }],
    ));
    cases.push(case(
        "body/content-type-with-charset",
        "A content type may have parameters, such as a character set.",
        vec![HttpRequest {
            headers: vec![("content-type".to_owned(), "application/json; charset=utf-8".to_owned())],
            ..signs(usual())
        }],
    ));
    for case in &mut cases {
        case.why = explained(&case.why);
    }
    cases
}

fn lengths() -> Vec<HttpCase> {
    vec![
        case(
            "length/64-kib",
            "The longest operation has 32 KiB, encoded as 64 KiB of digits: a shorter body must be refused for its \
             content, not its length.",
            vec![post(Body::Zeros(65_536), 403, Answer::Errors)],
        ),
        case(
            "length/200-kib",
            "No payload is that long: a signer that reads on lets any client exhaust its memory.",
            vec![post(Body::Zeros(200_000), 413, Answer::Errors)],
        ),
        case(
            "length/4-mib",
            "The answer must reach the client, which is still sending: a closed connection explains nothing.",
            vec![post(Body::Zeros(4 << 20), 413, Answer::Errors)],
        ),
        case(
            "length/then-a-vote",
            "After a body that was too long, the next request is signed: no bytes of the first are left over.",
            vec![post(Body::Zeros(200_000), 413, Answer::Errors), signs(usual())],
        ),
    ]
}
