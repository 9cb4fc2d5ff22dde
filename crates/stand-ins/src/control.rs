//! The program's control API: faults, keys and request counts, over plain HTTP on loopback.

use crate::answers::{Answer, json};
use crate::azure::Azure;
use crate::connections::Port;
use crate::cosmos::Cosmos;
use crate::double::{Controls, Double, Task, serve};
use crate::faults::{Failure, Fault, Operation};
use crate::identity::Identity;
use crate::key_vault::{KeyVault, NewKey};
use crate::precise_timer::PreciseTimer;
use crate::tezos_node::ControlledNode;
use bytes::Bytes;
use http_body_util::Full;
use hyper::Method;
use hyper::header::CONTENT_TYPE;
use hyper::http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// The response to `GET /`.
const HELP: &str = "\
Controls the stand-ins of Azure. SERVICE is identity, key-vault, cosmos or tezos-node, or a region of Cosmos DB such as
west-europe if there are several (--region).

GET    /                       this text
GET    /requests               number of requests, by service and operation
DELETE /requests               reset the counts
GET    /faults/SERVICE         list faults
POST   /faults/SERVICE         add a fault, for example
         {\"on\":\"sign\",\"times\":{\"next\":2},\"effect\":{\"status\":{\"status\":429,\"retry_after_ms\":1000}}}
         {\"on\":\"replace_item\",\"effect\":\"hang_after_work\"}
         {\"on\":\"any\",\"effect\":{\"delay\":{\"log_normal\":{\"median_ms\":8,\"p99_ms\":60}}}}
       on:     any unauthorized other token list_keys list_versions get_key sign unwrap_key rotation_policy update_key
               account metadata read_item create_item replace_item query head block
       times:  \"forever\" (the default) or {\"next\":N}
       effect: {\"delay\":DELAY} {\"late_work\":DELAY} {\"status\":FAILURE} {\"status_after_work\":FAILURE} \"hang\"
               \"hang_after_work\" \"close_before_answer\" \"close_after_work\"
               {\"bad_signature\":\"of_other_data\" or \"by_other_key\" or \"truncated\" or \"empty\"}
       DELAY:  {\"fixed_ms\":5} {\"uniform\":{\"from_ms\":1,\"to_ms\":9}} {\"log_normal\":{\"median_ms\":8,\"p99_ms\":60}}
       FAILURE: {\"status\":503}, optionally with sub_status and retry_after_ms
DELETE /faults/SERVICE         clear all faults
POST   /freeze/SERVICE         freeze all open connections for good
POST   /refuse/SERVICE         {\"refuse\":true} closes the port, {\"refuse\":false} opens it again
POST   /key-vault/keys         add a key or a version: {\"name\":\"baker\",\"curve\":\"P-256\"}; curve may be P-256K too; optional:
                               hsm, enabled, expires, not_before, key_ops, tags, private_key, short_coordinates,
                               high_s, managed, off_curve
DELETE /key-vault/keys/NAME    delete a key
POST   /key-vault/allow-update {\"allow\":true} permits key updates, as for an operator; {\"allow\":false} forbids them
POST   /identity/revoke        revoke all tokens issued so far
POST   /identity/token-life    {\"seconds\":120}: lifetime of tokens issued from now on
GET    /cosmos/items           list the stored items
POST   /cosmos/recreate        delete the container with its items, and create another with the same name
POST   /cosmos/write-region    {\"region\":\"North Europe\"} becomes the write region; the others answer writes with 403/3
POST   /cosmos/cut-off         {\"region\":\"North Europe\",\"cut_off\":true} isolates a region, so that writes wait or need only
                               a majority; {...,\"cut_off\":false} reconnects it
POST   /cosmos/offline         {\"region\":\"North Europe\"} removes a region from the account; /cosmos/online adds it again
GET    /tezos-node/payloads    what each baker signs now, in hex
POST   /tezos-node/bake        {\"blocks\":3,\"round\":1,\"without\":[\"tz3...\"]}, all optional: adds blocks, with the votes of all
                               bakers but these; to the signer, they are foreign unless it has signed them
POST   /tezos-node/again       {\"round\":1} proposes the head again in a later round
POST   /tezos-node/mode        \"synced\" \"halted\" \"frozen\" or {\"behind\":2}
";

/// The control API, which runs until its runtime ends.
#[derive(Debug)]
pub struct Control {
    controls: Arc<Controls>,
}

impl Control {
    /// Opens it on this loopback port; 0 picks a free one. The caller's runtime serves it.
    ///
    /// # Errors
    /// If the port is taken.
    pub fn open(port: u16, azure: &Azure, node: ControlledNode) -> io::Result<Self> {
        let controls = Controls::new(Port::open(port)?, &Arc::new(PreciseTimer::start()));
        let (identity, key_vault, cosmos) = (azure.identity.clone(), azure.key_vault.clone(), azure.cosmos.clone());
        let api = Api { identity, key_vault, cosmos, node };
        tokio::spawn(serve(Arc::new(api), Arc::clone(&controls), None));
        Ok(Self { controls })
    }

    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.controls.port.address()
    }
}

#[derive(Debug)]
struct Api {
    identity: Identity,
    key_vault: KeyVault,
    cosmos: Cosmos,
    node: ControlledNode,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Refuse {
    refuse: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Allow {
    allow: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenLife {
    seconds: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RegionName {
    region: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CutOff {
    region: String,
    cut_off: bool,
}

impl Api {
    fn controls(&self, service: &str) -> Result<&Controls, Complaint> {
        match service {
            "identity" => Ok(&self.identity.controls),
            "key-vault" => Ok(&self.key_vault.controls),
            "cosmos" => Ok(&self.cosmos.controls),
            "tezos-node" => Ok(&self.node.node.controls),
            name => {
                let mut regions = self.cosmos.regions().iter();
                let region = regions.find(|region| region.name().to_lowercase().replace(' ', "-") == name);
                let region = region.map(|region| region.controls.as_ref());
                region.ok_or_else(|| {
                    complaint(
                        404,
                        format!("'{name}' is not identity, key-vault, cosmos, tezos-node or a region of Cosmos DB"),
                    )
                })
            }
        }
    }

    /// The name of a region with its own endpoint.
    fn region<'a>(&self, name: &'a str) -> Result<&'a str, Complaint> {
        let exists = self.cosmos.region(name).is_some();
        exists.then_some(name).ok_or_else(|| complaint(404, format!("the account has no region '{name}'")))
    }

    async fn answer(&self, head: &Parts, body: &[u8]) -> Result<Answer, Complaint> {
        let path: Vec<_> = head.uri.path().split('/').filter(|segment| !segment.is_empty()).collect();
        match (&head.method, path.as_slice()) {
            (&Method::GET, []) => return Ok(help()),
            (&Method::GET, ["requests"]) => return Ok(self.requests()),
            (&Method::DELETE, ["requests"]) => {
                for service in SERVICES {
                    self.controls(service)?.requests.reset();
                }
            }
            (&Method::GET, ["faults", service]) => {
                return Ok(json(200, &json!(self.controls(service)?.faults.list())));
            }
            (&Method::POST, ["faults", service]) => {
                let controls = self.controls(service)?;
                controls.faults.add(parsed::<Fault>(body)?);
            }
            (&Method::DELETE, ["faults", service]) => self.controls(service)?.faults.clear(),
            (&Method::POST, ["freeze", service]) => self.controls(service)?.port.freeze_connections(),
            (&Method::POST, ["refuse", service]) => {
                let port = &self.controls(service)?.port;
                let Refuse { refuse } = parsed(body)?;
                port.refuse_connections(refuse).map_err(|why| complaint(500, why.to_string()))?;
            }
            (&Method::POST, ["key-vault", "keys"]) => {
                let key = self.key_vault.try_add_key(parsed::<NewKey>(body)?);
                return Ok(json(201, &json!(key.map_err(|why| complaint(400, why.to_string()))?)));
            }
            (&Method::DELETE, ["key-vault", "keys", name]) => self.key_vault.delete_key(name),
            (&Method::POST, ["key-vault", "allow-update"]) => {
                let Allow { allow } = parsed(body)?;
                self.key_vault.allow_update(allow);
            }
            (&Method::POST, ["cosmos", "recreate"]) => self.cosmos.recreate_container().await,
            (&Method::POST, ["identity", "revoke"]) => self.identity.revoke_all(),
            (&Method::POST, ["identity", "token-life"]) => {
                let TokenLife { seconds } = parsed(body)?;
                self.identity.set_token_life(Duration::from_secs(seconds));
            }
            (&Method::POST, ["cosmos", "write-region"]) => {
                let RegionName { region } = parsed(body)?;
                self.cosmos.move_writes_to(self.region(&region)?);
            }
            (&Method::POST, ["cosmos", "cut-off"]) => {
                let CutOff { region, cut_off } = parsed(body)?;
                self.cosmos.cut_off(self.region(&region)?, cut_off);
            }
            (&Method::POST, ["cosmos", "offline"]) => {
                let RegionName { region } = parsed(body)?;
                self.cosmos.take_offline(self.region(&region)?);
            }
            (&Method::POST, ["cosmos", "online"]) => {
                let RegionName { region } = parsed(body)?;
                self.cosmos.bring_online(self.region(&region)?);
            }
            (&Method::GET, ["cosmos", "items"]) => return Ok(json(200, &json!(self.cosmos.items().await))),
            (method, path) => {
                let of_node = path.split_first().filter(|(first, _)| **first == "tezos-node");
                let executed = of_node.and_then(|(_, path)| self.node.execute(method, path, body));
                let not_supported =
                    || complaint(404, format!("{method} {} is not supported; GET / lists what is", head.uri.path()));
                let answer = executed.ok_or_else(not_supported)?.map_err(|why| complaint(400, why))?;
                return Ok(json(200, &answer));
            }
        }
        Ok(json(200, &json!({})))
    }

    fn requests(&self) -> Answer {
        json(
            200,
            &json!({
                "identity": self.identity.all_requests(),
                "key-vault": self.key_vault.all_requests(),
                "cosmos": self.cosmos.all_requests(),
                "tezos-node": self.node.node.all_requests(),
            }),
        )
    }
}

const SERVICES: [&str; 4] = ["identity", "key-vault", "cosmos", "tezos-node"];

fn help() -> Answer {
    let mut answer = Answer::new(Full::new(Bytes::from_static(HELP.as_bytes())));
    answer.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static("text/plain; charset=utf-8"));
    answer
}

fn parsed<T: DeserializeOwned>(body: &[u8]) -> Result<T, Complaint> {
    serde_json::from_slice(body).map_err(|why| complaint(400, format!("{why}; GET / shows examples")))
}

/// Why a request was rejected.
#[derive(Debug)]
struct Complaint {
    status: u16,
    message: String,
}

fn complaint(status: u16, message: impl Into<String>) -> Complaint {
    Complaint { status, message: message.into() }
}

impl Complaint {
    fn into_answer(self) -> Answer {
        json(self.status, &json!({ "error": self.message }))
    }
}

impl Double for Api {
    fn operation(&self, _: &Parts) -> Operation {
        Operation::Other
    }

    async fn work(&self, task: Task) -> Answer {
        let (head, body) = task.request.into_parts();
        self.answer(&head, &body).await.unwrap_or_else(Complaint::into_answer)
    }

    fn failure(&self, failure: Failure) -> Answer {
        complaint(failure.status, "injected fault").into_answer()
    }
}
