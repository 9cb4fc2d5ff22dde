//! Cases of raw HTTP requests.

use super::named;
use crate::case::{Answer, Body, Connection, Consequence, Feature, Framing, HttpCase, HttpRequest, Instance, Need};
use crate::crypto::{Curve, Scheme};
use crate::payload::consensus::{Kind, Vote};
use crate::payload::operations::{message, payload};
use serde_json::json;

mod bodies;
mod requests;

use requests::{BAKER, case, explained, get, post, request, signs, text, usual};

pub(super) fn cases() -> Vec<HttpCase> {
    [answers(), keys(), bodies::cases(), framing(), queries(), routes(), connections(), authentication()].concat()
}

fn answers() -> Vec<HttpCase> {
    let signature = |name: &str| Answer::Signature(name.to_owned());
    let mut cases = Vec::new();
    for curve in Curve::ALL {
        let key = format!("baker-{}", curve.name());
        let payload = Vote::new(Kind::Attestation, curve, 10, 0).bytes();
        let body = Body::Text { text: "\"{payload}\"\n".to_owned(), payload: Some(payload.into()) };
        let path = format!("/keys/{{{key}}}?version=3");
        let why = "Octez decodes answers strictly (json_encoding.ml): with any field besides signature, the signature \
                   is lost. Its text has the prefix for the curve.";
        cases.push(case(
            &format!("answer/signature-{}", curve.name()),
            why,
            vec![HttpRequest { path, ..post(body, 200, signature(&key)) }],
        ));
        let why = "Octez decodes answers strictly: with other fields than public_key, the key cannot be imported.";
        let path = format!("/keys/{{{key}}}");
        cases.push(case(
            &format!("answer/public-key-{}", curve.name()),
            why,
            vec![get(&path, 200, Answer::PublicKey(key.clone()))],
        ));
    }
    cases.push(case(
        "answer/authorized-keys",
        "octez-client calls this before each signature (http_gen.ml, get_signature): an object without fields means \
         that no authentication is required; null, [] or an empty list break every signature.",
        vec![get("/authorized_keys", 200, Answer::Json(json!({})))],
    ));
    cases.push(case(
        "answer/known-keys",
        "octez-signer lists keys only with --allow-list-known-keys: anyone who can reach it should not learn which \
         keys it holds.",
        vec![get("/known_keys", 403, Answer::Errors)],
    ));
    cases
}

fn keys() -> Vec<HttpCase> {
    let unknown = |curve: Curve| format!("/keys/{{stranger-{}}}", curve.name());
    let mut cases = Vec::new();
    for curve in Curve::ALL {
        let why = "A key that the signer does not hold is answered with 404, which octez-client shows as Not_found.";
        cases.push(case(
            &format!("key/unknown-{}", curve.name()),
            why,
            vec![get(&unknown(curve), 404, Answer::NoSuccess)],
        ));
    }
    for (name, why, path) in [
        (
            "unknown-signs",
            "A sign request for a missing key must not be signed by another one, such as a default key.",
            unknown(Curve::P256),
        ),
        (
            "authorized-client-is-no-key",
            "The signer has only the public keys of authorized clients: it cannot sign with any of them.",
            "/keys/{client-p256}".to_owned(),
        ),
    ] {
        let requests = vec![HttpRequest { path, ..post(usual(), 404, Answer::Errors) }];
        cases.push(HttpCase { consequence: Consequence::Slashing, ..case(&format!("key/{name}"), why, requests) });
    }
    let bytes = Curve::P256.hash().decode(&named(BAKER).1.hash).expect("a hash");
    cases.push(case(
        "key/same-hash-of-another-curve",
        "The 20 bytes of a tz3 with the prefix of tz1: the prefix is part of the address, and nobody has this one.",
        vec![get(&format!("/keys/{}", Curve::Ed25519.hash().encode(&bytes)), 404, Answer::NoSuccess)],
    ));
    for (name, path, why) in [
        ("alias", "/keys/baker", "The name of a key in a wallet is not a hash: the route takes hashes."),
        (
            "escaped",
            "/keys/%ff",
            "A path with invalid UTF-8 must be answered like any other, and not crash the \
                                  process.",
        ),
        ("empty-hash", "/keys/%20", "A space is not a hash, and an empty hash must not list keys or select a default."),
        ("dots", "/keys/..%2fkeys", "This is not a file path: an escaped slash is part of a segment, and not a hash."),
        ("with-a-tail", "/keys/{baker-p256}/sign", "No route exists below a key."),
        (
            "with-a-space",
            "/keys/{baker-p256}%20",
            "A hash followed by white space is not a hash: trimming it gives one key many paths.",
        ),
    ] {
        cases.push(case(&format!("key/{name}"), &explained(why), vec![get(path, 404, Answer::NoSuccess)]));
    }
    cases
}

fn framing() -> Vec<HttpCase> {
    let framed = |framing, body| HttpRequest { framing, ..signs(body) };
    let big = |framing| HttpRequest { framing, ..post(Body::Zeros(200_000), 413, Answer::Errors) };
    vec![
        case(
            "framing/chunked",
            "octez-client sends every body with transfer-encoding: chunked, without a length (cohttp-lwt, client.ml).",
            vec![framed(Framing::Chunked, usual())],
        ),
        case(
            "framing/chunked-too-long",
            "The length of a chunked body is not known in advance: the limit must be enforced while reading.",
            vec![big(Framing::Chunked)],
        ),
        case(
            "framing/expect-continue",
            "curl and .NET wait for 100 Continue before they send a body: without it they wait a second, or forever.",
            vec![framed(Framing::Continue, usual())],
        ),
        case(
            "framing/chunked-not-a-payload",
            "An invalid payload is invalid in chunks, too: the answer must follow the last chunk, and be the same.",
            vec![HttpRequest { framing: Framing::Chunked, ..post(text("{}"), 400, Answer::Errors) }],
        ),
    ]
    .into_iter()
    .map(|case| HttpCase { why: explained(&case.why), ..case })
    .collect()
}

fn queries() -> Vec<HttpCase> {
    let with =
        |query: &str, request: HttpRequest| HttpRequest { path: format!("/keys/{{baker-p256}}?{query}"), ..request };
    let mut cases = Vec::new();
    for version in 0..=3 {
        let why = "octez-client sends its version with every request (http_gen.ml, sign): it matters for tz4 keys \
                   only.";
        cases.push(case(
            &format!("query/version-{version}"),
            why,
            vec![with(&format!("version={version}"), signs(usual()))],
        ));
    }
    for curve in [Curve::P256, Curve::Bls] {
        for version in ["4", "99"] {
            let key = format!("baker-{}", curve.name());
            let payload = Vote::new(Kind::Attestation, curve, 10, 0).bytes();
            let body = Body::Text { text: "\"{payload}\"\n".to_owned(), payload: Some(payload.into()) };
            let path = format!("/keys/{{{key}}}?version={version}");
            let newer = case(
                &format!("query/version-{version}-{}", curve.name()),
                "Octez increases the version with protocols that add new kinds of signatures; existing kinds stay as \
                 they are. A signer that refuses the new number loses every slot once the baker is upgraded.",
                vec![HttpRequest { path, ..post(body, 200, Answer::Signature(key)) }],
            );
            cases.push(HttpCase { features: vec![Feature::NewerVersions], ..newer });
        }
    }
    for (name, query) in [
        ("version-word", "version=latest"),
        ("version-empty", "version="),
        ("version-negative", "version=-1"),
        ("version-leading-zero", "version=01"),
        ("version-twice", "version=3&version=3"),
    ] {
        let why = "The version is one number without sign or leading zeros (signature.ml, version_arg): anything else \
                   comes from a client with unknown expectations.";
        cases.push(case(&format!("query/{name}"), why, vec![with(query, post(usual(), 400, Answer::Errors))]));
    }
    for (name, query, why) in [
        (
            "unknown-field",
            "code=secret",
            "Gateways add their own query fields, such as a function key, which the signer must ignore.",
        ),
        (
            "version-and-unknown-field",
            "code=secret&version=3",
            "A gateway's field before the version must not hide it.",
        ),
        ("empty", "", "Some clients send a question mark with an empty query."),
        (
            "authentication-not-wanted",
            "authentication=edsig",
            "If authentication is not required, it is ignored (handler.ml, check_authorization).",
        ),
    ] {
        cases.push(case(&format!("query/{name}"), &explained(why), vec![with(query, signs(usual()))]));
    }
    cases.push(case(
        "query/on-public-key",
        "A query on GET /keys has no effect: the key is the same.",
        vec![get("/keys/{baker-p256}?version=3", 200, Answer::PublicKey(BAKER.to_owned()))],
    ));
    for case in &mut cases {
        case.why = explained(&case.why);
    }
    cases
}

fn routes() -> Vec<HttpCase> {
    let public_key = || Answer::PublicKey(BAKER.to_owned());
    let mut cases = vec![
        case(
            "route/double-slash",
            "octez-client with a base URI that ends in a slash requests //keys/… (resto.ml, split_path ignores empty \
             segments).",
            vec![get("//keys/{baker-p256}", 200, public_key())],
        ),
        case(
            "route/double-slash-signs",
            "POST must work like GET: the same client signs with the same base URI.",
            vec![HttpRequest { path: "//keys/{baker-p256}?version=3".to_owned(), ..signs(usual()) }],
        ),
        case(
            "route/trailing-slash",
            "Empty segments are ignored, at the end, too (resto.ml, split_path).",
            vec![get("/keys/{baker-p256}/", 200, public_key())],
        ),
        case(
            "route/trailing-slash-authorized-keys",
            "Empty segments are ignored, at the end, too (resto.ml, split_path).",
            vec![get("/authorized_keys/", 200, Answer::Json(json!({})))],
        ),
        case(
            "route/accept-of-octez",
            "octez-client accepts JSON, BSON and octet streams, in this order (media_type.ml, all_media_types).",
            vec![HttpRequest {
                headers: vec![(
                    "accept".to_owned(),
                    "application/json;q=1,application/bson;q=0.100,application/octet-stream;q=0.200".to_owned(),
                )],
                ..get("/keys/{baker-p256}", 200, public_key())
            }],
        ),
    ];
    for (name, path) in
        [("root-of-nothing", "/nowhere"), ("upper-case", "/KEYS/{baker-p256}"), ("singular", "/key/{baker-p256}")]
    {
        let why = "The route does not exist: an answer of 200 would be mistaken for a signer's.";
        cases.push(case(&format!("route/{name}"), why, vec![get(path, 404, Answer::NoSuccess)]));
    }
    for (name, method, path) in [
        ("put-key", "PUT", "/keys/{baker-p256}"),
        ("delete-key", "DELETE", "/keys/{baker-p256}"),
        ("patch-key", "PATCH", "/keys/{baker-p256}"),
        ("post-authorized-keys", "POST", "/authorized_keys"),
        ("post-known-keys", "POST", "/known_keys"),
    ] {
        let why = "The route does not support this method, and nothing may happen: above all, no key may be deleted (resto, \
             server.ml: 405).";
        let body = (method != "DELETE").then(usual);
        cases.push(case(
            &format!("method/{name}"),
            why,
            vec![HttpRequest { body, ..request(method, path, 405, Answer::NoSuccess) }],
        ));
    }
    cases.push(case(
        "method/head-key",
        "HEAD is GET without a body: if one is sent, it is mistaken for the next answer on the connection.",
        vec![request("HEAD", "/keys/{baker-p256}", 200, Answer::NoBody), get("/keys/{baker-p256}", 200, public_key())],
    ));
    cases
        .into_iter()
        .map(|case| {
            let connection = if case.id.ends_with("head-key") { Connection::Kept } else { Connection::New };
            HttpCase { connection, why: explained(&case.why), ..case }
        })
        .collect()
}

fn connections() -> Vec<HttpCase> {
    let public_key = || get("/keys/{baker-p256}", 200, Answer::PublicKey(BAKER.to_owned()));
    let on = |connection, name: &str, why: &str, requests| HttpCase { connection, ..case(name, why, requests) };
    let as_octez = || vec![get("/authorized_keys", 200, Answer::Json(json!({}))), signs(usual())];
    vec![
        on(
            Connection::New,
            "connection/each-its-own",
            "octez-client opens a connection for each request: two for each signature (cohttp-lwt, client.ml).",
            as_octez(),
        ),
        on(
            Connection::Kept,
            "connection/kept",
            "Taquito and gateways reuse connections: the second request must work like the first.",
            [as_octez(), as_octez()].concat(),
        ),
        on(
            Connection::Kept,
            "connection/kept-after-refusal",
            "After a refusal, the connection must carry the next request: a gateway shares it between clients.",
            vec![
                post(text("17"), 400, Answer::Errors),
                signs(usual()),
                get("/nowhere", 404, Answer::NoSuccess),
                public_key(),
            ],
        ),
        on(
            Connection::Pipelined,
            "connection/pipelined",
            "Pipelined requests are answered in order (RFC 9112, 9.3.2): swapped answers give a client the signature \
             of another.",
            vec![public_key(), get("/authorized_keys", 200, Answer::Json(json!({}))), public_key(), signs(usual())],
        ),
    ]
}

fn authentication() -> Vec<HttpCase> {
    let (client, _) = named("client-ed25519");
    let (payer, _) = named("payer-p256");
    let payload = payload(&[message(b"http")]);
    let to_sign = [vec![0x04, 0x01], payer.public_key().hash_bytes(), payload.clone()].concat();
    let signature = client.sign_text(&to_sign, Scheme::default());
    let body = || Body::Text { text: "\"{payload}\"\n".to_owned(), payload: Some(payload.clone().into()) };
    let ask = |query: &str, request: HttpRequest| HttpRequest {
        path: format!("/keys/{{payer-p256}}{query}"),
        at: Instance::Authenticated,
        ..request
    };
    let yes = || post(body(), 200, Answer::Signature("payer-p256".to_owned()));
    let no = || post(body(), 401, Answer::Errors);
    let hashes: Vec<_> =
        Curve::ALL.into_iter().map(|curve| named(&format!("client-{}", curve.name())).1.hash).collect();
    [
        case(
            "authentication/keys",
            "octez-client looks for one of these hashes in its wallet (client_main_run.ml); here they are in the \
             order of the setup.",
            vec![HttpRequest {
                at: Instance::Authenticated,
                ..get("/authorized_keys", 200, Answer::Json(json!({"authorized_keys": hashes})))
            }],
        ),
        case(
            "authentication/public-key",
            "Only sign requests are authenticated: the public key is read when the key is imported.",
            vec![HttpRequest {
                at: Instance::Authenticated,
                ..get("/keys/{payer-p256}", 200, Answer::PublicKey("payer-p256".to_owned()))
            }],
        ),
        case(
            "authentication/missing",
            "Without a signature the client is unknown: nothing may be signed.",
            vec![ask("", no())],
        ),
        case(
            "authentication/empty",
            "An empty authentication is not a signature: nothing may be signed, and it must \
                                      not count as absent and not required.",
            vec![ask("?authentication=", no())],
        ),
        case(
            "authentication/not-a-signature",
            "Any other text is not a signature: nothing may be signed, and the text must not be logged.",
            vec![ask("?authentication=secret", no())],
        ),
        case(
            "authentication/right",
            "octez-client sends authentication and version in one query (signer_services.ml): both must be parsed.",
            vec![ask(&format!("?authentication={signature}&version=3"), yes())],
        ),
        case(
            "authentication/right-after-version",
            "Query fields may be in any order.",
            vec![ask(&format!("?version=3&authentication={signature}"), yes())],
        ),
        case(
            "authentication/of-another-payload",
            "The signature covers this payload only: once seen, it must not authorize others.",
            vec![ask(
                &format!("?authentication={signature}"),
                HttpRequest {
                    body: Some(Body::Text {
                        text: "\"{payload}\"\n".to_owned(),
                        payload: Some(crate::payload::operations::payload(&[message(b"other")]).into()),
                    }),
                    ..no()
                },
            )],
        ),
    ]
    .into_iter()
    .map(|case| HttpCase { needs: vec![Need::Authenticated], why: explained(&case.why), ..case })
    .collect()
}
