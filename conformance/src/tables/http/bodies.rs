use super::{around, case, explained, post, signs, text, usual};
use crate::case::{Answer, Body, HttpCase, HttpRequest};

pub(super) fn cases() -> Vec<HttpCase> {
    [bodies(), lengths()].concat()
}

fn bodies() -> Vec<HttpCase> {
    let mut cases = Vec::new();
    for (name, body, why) in [
        ("empty", text(""), "No body is no payload; octez-client reads 400 as a request that it forged wrongly."),
        (
            "not-json",
            around("{payload}"),
            "Hexadecimal digits without quotes are no JSON: the service takes a JSON string (signer_services.ml).",
        ),
        ("number", text("17"), "A number of decimal digits looks like hexadecimal ones: 17 is not the byte 0x17."),
        ("null", text("null"), "null is no payload: a library that makes an empty string of it signs nothing."),
        (
            "boolean",
            text("true"),
            "true is JSON, and no payload: a library that makes the string true of it signs nothing good.",
        ),
        (
            "object",
            around("{\"data\":\"{payload}\"}"),
            "An object is no payload, whatever is in it: Octez sends a string (signer_services.ml, sign).",
        ),
        ("list", around("[\"{payload}\"]"), "A list of payloads is no payload: which of them would be signed?"),
        (
            "two-strings",
            around("\"{payload}\" \"{payload}\""),
            "Two JSON values are no JSON value: a reader that stops at the first ignores the rest.",
        ),
        (
            "half-a-string",
            around("\"{payload}"),
            "The quote at the end is missing: the body may have been cut, and the payload with it.",
        ),
        ("single-quotes", around("'{payload}'"), "Single quotes are no JSON."),
        (
            "odd-digits",
            around("\"{payload}0\""),
            "An odd number of digits is no number of bytes: padding it makes another payload.",
        ),
        (
            "not-hexadecimal",
            around("\"{payload}0g\""),
            "g is no hexadecimal digit: a reader that stops there signs less than was sent.",
        ),
        ("prefix-0x", around("\"0x{payload}\""), "0x is how people write it, not Octez: x is no digit."),
        (
            "space-inside",
            around("\"{payload} \""),
            "White space within the string is no digit: who skips it takes many texts for one payload.",
        ),
        (
            "newline-inside",
            around("\"{payload}\\n\""),
            "An escaped newline within the string is no digit: who skips it takes many texts for one payload.",
        ),
        ("base58", text("\"tz3ZxowXGSjiVq227GQcwKdz87rKhq62rY4t\""), "Base 58 where hexadecimal digits belong."),
        (
            "nul",
            text("\"\\u0000\""),
            "An escaped zero character ends strings of C: what is behind it would not be looked at.",
        ),
        (
            "full-width-digits",
            text("\"\u{ff11}\u{ff13}\""),
            "Digits of other scripts are digits to Unicode, and no hexadecimal ones.",
        ),
    ] {
        cases.push(case(&format!("body/{name}"), &explained(why), vec![post(body, 400, Answer::Errors)]));
    }
    cases.push(case(
        "body/not-utf-8",
        "Bytes that are no UTF-8 are no JSON, and must not end a process.",
        vec![post(Body::Bytes(vec![0xff, 0xfe, 0x22, 0x22].into()), 400, Answer::Errors)],
    ));
    cases.push(case(
        "body/empty-string",
        "An empty string is hexadecimal for nothing: well formed, and nothing to sign. octez-signer fails on reading byte 0.",
        vec![post(text("\"\""), 403, Answer::Errors)],
    ));
    for (name, template, why) in [
        ("newline", "\"{payload}\"\n", "octez-client sends minified JSON and a newline (media_type.ml, json)."),
        ("plain", "\"{payload}\"", "Other clients send no newline: Taquito and tzgo do not."),
        (
            "white-space",
            " \r\n\t\"{payload}\"\t\r\n ",
            "JSON may have white space around it (RFC 8259, 2): a client may pretty-print.",
        ),
        ("upper-case", "\"{PAYLOAD}\"\n", "Hexadecimal digits have no case: some clients write capital letters."),
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
        "Some clients send no content type: the body says what it is.",
        vec![HttpRequest { headers: Vec::new(), ..signs(usual()) }],
    ));
    cases.push(case(
        "body/content-type-with-charset",
        "A content type may have parameters.",
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
            "The longest operation has 32 KiB, which are 64 KiB of digits: what is not one is refused for what it is, not for \
             its length.",
            vec![post(Body::Zeros(65_536), 403, Answer::Errors)],
        ),
        case(
            "length/200-kib",
            "No payload is that long: a signer that reads on gives its memory to whoever asks.",
            vec![post(Body::Zeros(200_000), 413, Answer::Errors)],
        ),
        case(
            "length/4-mib",
            "The answer must reach the client, who is still sending: a connection that is cut tells nothing.",
            vec![post(Body::Zeros(4 << 20), 413, Answer::Errors)],
        ),
        case(
            "length/then-a-vote",
            "After a body that was too long the next request is signed: nothing is left over.",
            vec![post(Body::Zeros(200_000), 413, Answer::Errors), signs(usual())],
        ),
    ]
}
