//! The answer of the sidecar that has a key released: an RSA private key as a JSON Web Key.
//!
//! The sidecar (`skr` of microsoft/confidential-sidecar-containers) answers `{"key": "<JSON Web Key as a string>"}`. For an RSA key, it
//! has the members `kty` (`RSA`, also if the vault calls it `RSA-HSM`), `n`, `e`, `d`, `p`, `q`, `dp`, `dq`, `qi` and possibly
//! `key_ops`; numbers are big-endian without leading zeros, in base64url without padding.

use super::rsa_private_key::RsaPrivateKey;
use super::rsa_public_key::{InvalidRsaKey, without_zeros};
use aws_lc_rs::rsa::{KeyPairComponents, PublicKeyComponents};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::value::RawValue;
use thiserror::Error;
use zeroize::Zeroizing;

/// Why an answer is not a released key. Contains nothing of it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(super) enum InvalidReleasedKey {
    #[error("expected {{\"key\": \"<JSON Web Key>\"}}")]
    NotAnAnswer,
    #[error("the key is not a JSON Web Key of an RSA private key")]
    NotRsa,
    #[error("{0}")]
    Key(#[from] InvalidRsaKey),
}

#[derive(Deserialize)]
struct Answer<'a> {
    /// Not a text: to resolve its escapes, the library would copy the key into a buffer that it does not wipe.
    #[serde(borrow)]
    key: &'a RawValue,
}

/// All members are borrowed, so nothing is copied.
#[derive(Deserialize)]
struct JsonWebKey<'a> {
    kty: &'a str,
    n: &'a str,
    e: &'a str,
    d: &'a str,
    p: &'a str,
    q: &'a str,
    dp: &'a str,
    dq: &'a str,
    qi: &'a str,
}

/// Parses the body of an answer. All copies of the key are wiped.
pub(super) fn parse(body: &[u8]) -> Result<RsaPrivateKey, InvalidReleasedKey> {
    let answer: Answer<'_> = serde_json::from_slice(body).map_err(|_| InvalidReleasedKey::NotAnAnswer)?;
    let text = unescaped(answer.key.get()).ok_or(InvalidReleasedKey::NotAnAnswer)?;
    let key: JsonWebKey<'_> = serde_json::from_str(&text).map_err(|_| InvalidReleasedKey::NotRsa)?;
    if key.kty != "RSA" {
        return Err(InvalidReleasedKey::NotRsa);
    }
    let number = |text: &str| URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).map(Zeroizing::new);
    let numbers = [key.n, key.e, key.d, key.p, key.q, key.dp, key.dq, key.qi].map(number);
    let [Ok(modulus), Ok(exponent), Ok(private), Ok(first), Ok(second), Ok(of_first), Ok(of_second), Ok(inverse)] =
        &numbers
    else {
        return Err(InvalidReleasedKey::NotRsa);
    };
    let numbers = KeyPairComponents {
        public_key: PublicKeyComponents { n: without_zeros(modulus), e: without_zeros(exponent) },
        d: private.as_slice(),
        p: first,
        q: second,
        dP: of_first,
        dQ: of_second,
        qInv: inverse,
    };
    Ok(RsaPrivateKey::from_components(&numbers)?)
}

/// The contents of a JSON string that has no other escapes than those that the text of a JSON Web Key needs.
fn unescaped(literal: &str) -> Option<Zeroizing<String>> {
    let inside = literal.strip_prefix('"')?.strip_suffix('"')?;
    // As long as it can become, since growing would leave a copy behind.
    let mut text = Zeroizing::new(String::with_capacity(inside.len()));
    let mut characters = inside.chars();
    while let Some(character) = characters.next() {
        text.push(match character {
            '\\' => characters.next().filter(|escaped| matches!(escaped, '"' | '\\' | '/'))?,
            character => character,
        });
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::sealed::RsaPublicKey;
    use base64::engine::general_purpose::STANDARD;
    use serde_json::{Value, json};
    use x509_parser::der_parser::der::parse_der;

    fn vector(part: &str) -> String {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/conformance/sealed/vectors.json");
        let vectors: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        vectors["keys"]["north"][part].as_str().unwrap().to_owned()
    }

    /// The numbers of the private key `north`, from PKCS #8: an octet string with a list of integers.
    fn jwk() -> Value {
        let pem = vector("private_key");
        let base64: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
        let der = STANDARD.decode(base64).unwrap();
        let (_, pkcs8) = parse_der(&der).unwrap();
        let (_, list) = parse_der(pkcs8[2].as_slice().unwrap()).unwrap();
        let number = |index: usize| {
            let bytes = list[index].as_slice().unwrap();
            URL_SAFE_NO_PAD.encode(without_zeros(bytes))
        };
        json!({
            "d": number(3), "dp": number(6), "dq": number(7), "e": "AQAB", "key_ops": ["wrapKey"], "kty": "RSA", "n": number(1),
            "p": number(4), "q": number(5), "qi": number(8),
        })
    }

    fn answer(key: &Value) -> String {
        json!({ "key": key.to_string() }).to_string()
    }

    #[test]
    fn the_key_of_an_answer_is_that_of_its_numbers() {
        let mut with_zeros = jwk();
        for name in ["n", "d", "p", "qi"] {
            let bytes = URL_SAFE_NO_PAD.decode(with_zeros[name].as_str().unwrap()).unwrap();
            with_zeros[name] = URL_SAFE_NO_PAD.encode([&[0], &bytes[..]].concat()).into();
        }
        let expected = RsaPublicKey::from_pem(&vector("public_key")).unwrap();
        for key in [jwk(), with_zeros] {
            let key = parse(answer(&key).as_bytes()).unwrap();
            assert_eq!(key.public_key(), &expected);
            let wrapped = expected.wrap(&[7; 32]).unwrap();
            assert_eq!(key.unwrap(&wrapped).unwrap().as_slice(), [7; 32]);
            assert!(format!("{key:?}").starts_with("RsaPrivateKey(of "), "{key:?}");
        }
    }

    #[test]
    fn anything_else_is_refused_and_not_repeated() {
        let with = |name: &str, value: Value| {
            let mut key = jwk();
            key[name] = value;
            answer(&key)
        };
        let exponent = jwk()["d"].as_str().unwrap().to_owned();
        let changed = exponent.replacen(&exponent[20..21], if &exponent[20..21] == "A" { "B" } else { "A" }, 1);
        let mut public = jwk();
        public.as_object_mut().unwrap().remove("d");
        for (body, expected) in [
            (String::new(), "expected {\"key\""),
            (json!({ "key": jwk() }).to_string(), "expected {\"key\""),
            (answer(&jwk()).replacen("\\\"", "\\u0022", 1), "expected {\"key\""),
            (answer(&public), "not a JSON Web Key of an RSA private key"),
            (with("kty", "oct".into()), "not a JSON Web Key of an RSA private key"),
            (with("q", "?".into()), "not a JSON Web Key of an RSA private key"),
            (with("d", changed.into()), "expected an RSA public key"),
            (with("q", jwk()["p"].clone()), "expected an RSA public key"),
        ] {
            let error = parse(body.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
            assert!(!error.contains(&exponent[..20]), "{error}");
        }
    }
}
