use super::{consequences, named};
use crate::case::{
    Answer, Body, Connection, Consequence, Expectation, Feature, Framing, HttpCase, HttpRequest, Instance, Need,
};
use crate::crypto::{Curve, Scheme};
use crate::payload::consensus::{Kind, Vote};
use crate::payload::operations::{message, payload};
use serde_json::json;

mod bodies;

/// The key that is asked, and what it is asked to sign.
const BAKER: &str = "baker-p256";

fn vote() -> Vec<u8> {
    Vote::new(Kind::Attestation, Curve::P256, 10, 0).bytes()
}

pub(super) fn cases() -> Vec<HttpCase> {
    [answers(), keys(), bodies::cases(), framing(), queries(), routes(), connections(), authentication()].concat()
}

fn request(method: &str, path: &str, status: u16, answer: Answer) -> HttpRequest {
    HttpRequest {
        method: method.to_owned(),
        path: path.to_owned(),
        headers: Vec::new(),
        body: None,
        framing: Framing::Length,
        at: Instance::First,
        expect: Expectation { status, answer },
    }
}

fn get(path: &str, status: u16, answer: Answer) -> HttpRequest {
    request("GET", path, status, answer)
}

fn post(body: Body, status: u16, answer: Answer) -> HttpRequest {
    let content_type = ("content-type".to_owned(), "application/json".to_owned());
    HttpRequest {
        body: Some(body),
        headers: vec![content_type],
        ..request("POST", "/keys/{baker-p256}", status, answer)
    }
}

/// The vote within a text.
fn around(text: &str) -> Body {
    Body::Text { text: text.to_owned(), payload: Some(vote().into()) }
}

fn text(text: &str) -> Body {
    Body::Text { text: text.to_owned(), payload: None }
}

fn signs(body: Body) -> HttpRequest {
    post(body, 200, Answer::Signature(BAKER.to_owned()))
}

/// octez-client's body: minified JSON and a newline.
fn usual() -> Body {
    around("\"{payload}\"\n")
}

fn case(name: &str, why: &str, requests: Vec<HttpRequest>) -> HttpCase {
    let id = format!("http/{name}");
    HttpCase {
        id,
        why: why.to_owned(),
        consequence: consequences::of_requests(&requests),
        features: Vec::new(),
        needs: Vec::new(),
        connection: Connection::New,
        requests,
    }
}

fn answers() -> Vec<HttpCase> {
    let signature = |name: &str| Answer::Signature(name.to_owned());
    let mut cases = Vec::new();
    for curve in Curve::ALL {
        let key = format!("baker-{}", curve.name());
        let payload = Vote::new(Kind::Attestation, curve, 10, 0).bytes();
        let body = Body::Text { text: "\"{payload}\"\n".to_owned(), payload: Some(payload.into()) };
        let path = format!("/keys/{{{key}}}?version=3");
        let why = "Octez decodes answers strictly (json_encoding.ml): any field beside signature, and the signature is lost. Its \
                   text has the prefix of the curve.";
        cases.push(case(
            &format!("answer/signature-{}", curve.name()),
            why,
            vec![HttpRequest { path, ..post(body, 200, signature(&key)) }],
        ));
        let why = "Octez decodes answers strictly: exactly the field public_key, or the key cannot be imported.";
        let path = format!("/keys/{{{key}}}");
        cases.push(case(
            &format!("answer/public-key-{}", curve.name()),
            why,
            vec![get(&path, 200, Answer::PublicKey(key.clone()))],
        ));
    }
    cases.push(case(
        "answer/authorized-keys",
        "octez-client asks before each signature (http_gen.ml, get_signature): an object without fields says that no \
         authentication is wanted; null, [] or an empty list break every signature.",
        vec![get("/authorized_keys", 200, Answer::Json(json!({})))],
    ));
    cases.push(case(
        "answer/known-keys",
        "octez-signer lists keys with --allow-list-known-keys only: whoever can reach it should not learn what there is to steal.",
        vec![get("/known_keys", 403, Answer::Errors)],
    ));
    cases
}

fn keys() -> Vec<HttpCase> {
    let unknown = |curve: Curve| format!("/keys/{{stranger-{}}}", curve.name());
    let mut cases = Vec::new();
    for curve in Curve::ALL {
        let why = "A key that the signer does not hold is not found: octez-client shows Not_found for 404.";
        cases.push(case(
            &format!("key/unknown-{}", curve.name()),
            why,
            vec![get(&unknown(curve), 404, Answer::NoSuccess)],
        ));
    }
    for (name, why, path) in [
        (
            "unknown-signs",
            "A request to sign with a key that is not there must not be answered by another one, as a default key.",
            unknown(Curve::P256),
        ),
        (
            "authorized-client-is-no-key",
            "Keys of clients who may ask are public keys only: the signer signs with none of them.",
            "/keys/{client-p256}".to_owned(),
        ),
    ] {
        let requests = vec![HttpRequest { path, ..post(usual(), 404, Answer::Errors) }];
        cases.push(HttpCase { consequence: Consequence::Slashing, ..case(&format!("key/{name}"), why, requests) });
    }
    let bytes = Curve::P256.hash().decode(&named(BAKER).1.hash).expect("a hash");
    cases.push(case(
        "key/same-hash-of-another-curve",
        "The 20 bytes of a tz3 behind the prefix of tz1: the prefix is a part of the address, and this is nobody's.",
        vec![get(&format!("/keys/{}", Curve::Ed25519.hash().encode(&bytes)), 404, Answer::NoSuccess)],
    ));
    for (name, path, why) in [
        ("alias", "/keys/baker", "A name in a wallet is no hash: the route takes hashes."),
        ("escaped", "/keys/%ff", "A path that is no UTF-8 must be answered like any other, and not end a process."),
        ("empty-hash", "/keys/%20", "A space is no hash, and an empty one must not list keys or take a default."),
        ("dots", "/keys/..%2fkeys", "Nothing is a path here: an escaped slash is a part of a segment, and no hash."),
        ("with-a-tail", "/keys/{baker-p256}/sign", "There is no route below a key."),
        (
            "with-a-space",
            "/keys/{baker-p256}%20",
            "A hash with white space behind it is no hash: who trims it takes many paths for one key.",
        ),
    ] {
        cases.push(case(&format!("key/{name}"), &explained(why), vec![get(path, 404, Answer::NoSuccess)]));
    }
    cases
}

/// Short reasons are about what must never happen.
fn explained(why: &str) -> String {
    if why.len() > 40 { why.to_owned() } else { format!("{why} It must be told so, not taken for one.") }
}

fn framing() -> Vec<HttpCase> {
    let framed = |framing, body| HttpRequest { framing, ..signs(body) };
    let big = |framing| HttpRequest { framing, ..post(Body::Zeros(200_000), 413, Answer::Errors) };
    vec![
        case(
            "framing/chunked",
            "octez-client sends every body with transfer-encoding: chunked and no length (cohttp-lwt, client.ml).",
            vec![framed(Framing::Chunked, usual())],
        ),
        case(
            "framing/chunked-too-long",
            "A chunked body does not say its length before: the limit has to be kept while reading.",
            vec![big(Framing::Chunked)],
        ),
        case(
            "framing/expect-continue",
            "curl and .NET wait for 100 Continue before they send a body: without it they wait a second, or for ever.",
            vec![framed(Framing::Continue, usual())],
        ),
        case(
            "framing/chunked-not-a-payload",
            "What is no payload in one piece is none in chunks: the answer must come behind the last chunk, and be the same.",
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
        let why = "octez-client sends its version with every request (http_gen.ml, sign): for other keys than tz4 it makes no \
                   difference.";
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
                "Octez raises the version with protocols that bring new kinds of signatures, and those of the kinds there are stay \
                 as they were: a signer that refuses the new number loses every slot from the upgrade of the baker on.",
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
        let why = "The version is one number without sign or leading zeros (signature.ml, version_arg): anything else is of a \
                   client that wants something nobody knows here.";
        cases.push(case(&format!("query/{name}"), why, vec![with(query, post(usual(), 400, Answer::Errors))]));
    }
    for (name, query, why) in [
        (
            "unknown-field",
            "code=secret",
            "Gateways add query fields of their own, such as a function key: they are none of the signer's business.",
        ),
        (
            "version-and-unknown-field",
            "code=secret&version=3",
            "A field of a gateway before the version must not hide it.",
        ),
        ("empty", "", "A question mark without a query is what some clients make of no query at all."),
        (
            "authentication-not-wanted",
            "authentication=edsig",
            "Where no authentication is wanted nobody looks at one (handler.ml, check_authorization).",
        ),
    ] {
        cases.push(case(&format!("query/{name}"), &explained(why), vec![with(query, signs(usual()))]));
    }
    cases.push(case(
        "query/on-public-key",
        "A query on GET /keys makes no difference: it is the same key.",
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
            "octez-client with a base URI that ends in a slash asks //keys/… (resto.ml, split_path ignores empty segments).",
            vec![get("//keys/{baker-p256}", 200, public_key())],
        ),
        case(
            "route/double-slash-signs",
            "What holds for GET holds for POST: the same client signs through the same base.",
            vec![HttpRequest { path: "//keys/{baker-p256}?version=3".to_owned(), ..signs(usual()) }],
        ),
        case(
            "route/trailing-slash",
            "Empty segments count for nothing, at the end too (resto.ml, split_path).",
            vec![get("/keys/{baker-p256}/", 200, public_key())],
        ),
        case(
            "route/trailing-slash-authorized-keys",
            "Empty segments count for nothing, at the end too (resto.ml, split_path).",
            vec![get("/authorized_keys/", 200, Answer::Json(json!({})))],
        ),
        case(
            "route/accept-of-octez",
            "octez-client accepts JSON, BSON and octet streams in this order (media_type.ml, all_media_types).",
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
        let why = "There is no such route: an answer of 200 would be taken for one of a signer.";
        cases.push(case(&format!("route/{name}"), why, vec![get(path, 404, Answer::NoSuccess)]));
    }
    for (name, method, path) in [
        ("put-key", "PUT", "/keys/{baker-p256}"),
        ("delete-key", "DELETE", "/keys/{baker-p256}"),
        ("patch-key", "PATCH", "/keys/{baker-p256}"),
        ("post-authorized-keys", "POST", "/authorized_keys"),
        ("post-known-keys", "POST", "/known_keys"),
    ] {
        let why =
            "The route has no such method, and nothing may happen: least of all may a key go (resto, server.ml: 405).";
        let body = (method != "DELETE").then(usual);
        cases.push(case(
            &format!("method/{name}"),
            why,
            vec![HttpRequest { body, ..request(method, path, 405, Answer::NoSuccess) }],
        ));
    }
    cases.push(case(
        "method/head-key",
        "HEAD is GET without a body: one that is sent all the same is taken for the next answer of the connection.",
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
            "Taquito and gateways keep connections: the second request must find it as the first did.",
            [as_octez(), as_octez()].concat(),
        ),
        on(
            Connection::Kept,
            "connection/kept-after-refusal",
            "After a refusal the connection still carries the next request: a gateway shares it between clients.",
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
            "Requests that are sent without waiting are answered in their order (RFC 9112, 9.3.2): answers that are exchanged give \
             one client the signature of another.",
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
            "octez-client looks for one of these hashes in its wallet (client_main_run.ml); the order is that of the setup here.",
            vec![HttpRequest {
                at: Instance::Authenticated,
                ..get("/authorized_keys", 200, Answer::Json(json!({"authorized_keys": hashes})))
            }],
        ),
        case(
            "authentication/public-key",
            "Only requests to sign are authenticated: the public key is asked for when the key is imported.",
            vec![HttpRequest {
                at: Instance::Authenticated,
                ..get("/keys/{payer-p256}", 200, Answer::PublicKey("payer-p256".to_owned()))
            }],
        ),
        case("authentication/missing", "Without a signature nobody knows who asks: nothing is signed.", vec![ask("", no())]),
        case("authentication/empty", "An empty authentication is no signature: nothing is signed, and it is not taken for absent and not wanted.", vec![ask("?authentication=", no())]),
        case(
            "authentication/not-a-signature",
            "Any other text is no signature: nothing is signed, and the text is not logged.",
            vec![ask("?authentication=secret", no())],
        ),
        case(
            "authentication/right",
            "octez-client sends authentication and version in one query (signer_services.ml): both are understood.",
            vec![ask(&format!("?authentication={signature}&version=3"), yes())],
        ),
        case(
            "authentication/right-after-version",
            "Query fields have no order.",
            vec![ask(&format!("?version=3&authentication={signature}"), yes())],
        ),
        case(
            "authentication/of-another-payload",
            "The signature is of this payload and no other: seen once, it must not open the door for good.",
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
