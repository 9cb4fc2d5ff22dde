//! Decodes what stands in standard input, a line each, and writes a line of JSON for each: `payload HEX` what a policy sees of
//! the operations, `text TEXT` the bytes of Base58Check. For `differential/run`.
#![allow(clippy::unwrap_used, reason = "a program for those who develop this one")]

use azurehsm_signer::tezos::payload::Payload;
use azurehsm_signer::tezos::payload::operations::{Content, Entrypoint};
use azurehsm_signer::tezos::{Curve, base58check};
use serde_json::{Value, json};
use std::io::{self, BufRead, BufWriter, Write};

fn main() -> io::Result<()> {
    let mut output = BufWriter::new(io::stdout().lock());
    for line in io::stdin().lock().lines() {
        let line = line?;
        let answer = match line.split_once(' ') {
            Some(("payload", hexadecimal)) => operations(hexadecimal),
            Some(("text", text)) => base58(text),
            _ => return Err(io::Error::other(format!("'{line}' begins neither with 'payload ' nor with 'text '"))),
        };
        writeln!(output, "{answer}")?;
    }
    output.flush()
}

fn operations(hexadecimal: &str) -> Value {
    let payload = hex::decode(hexadecimal).unwrap();
    match Payload::decode(&payload, Curve::P256) {
        Ok(Payload::Operations(operations)) => {
            json!({"branch": operations.branch.to_string(), "contents": operations.contents.iter().map(content).collect::<Vec<_>>()})
        }
        Ok(other) => json!({"error": format!("no operations: {other:?}")}),
        Err(error) => json!({"error": error.to_string()}),
    }
}

/// Numbers as texts, which all languages read alike.
fn content(content: &Content) -> Value {
    json!({
        "kind": content.kind.name(),
        "source": content.source.map(|source| source.to_string()),
        "fee": content.fee.map(|fee| fee.to_string()),
        "amount": content.amount.map(|amount| amount.to_string()),
        "destination": content.destination.map(|destination| destination.to_string()),
        "entrypoint": content.entrypoint.as_ref().map(Entrypoint::name),
    })
}

fn base58(text: &str) -> Value {
    match base58check::decode_any(text) {
        Ok((prefix, payload)) => json!({"prefix": prefix.text(), "payload": hex::encode(payload.as_slice())}),
        Err(error) => json!({"error": error.to_string()}),
    }
}
