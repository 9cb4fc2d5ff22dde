//! Each kind of fault: what the client sees, and whether the work is done.

#![cfg(test)]

mod support;

use serde_json::Value;
use stand_ins::{Azure, Delay, Effect, Fault, Operation, Times};
use std::time::{Duration, Instant};
use support::{Items, VAULT_AUDIENCE, Vault, builder, p256_key, request_token, status, status_and_code};

fn next(on: Operation, effect: Effect) -> Fault {
    Fault { on, times: Times::Next(1), effect }
}

fn milliseconds(number: u64) -> Duration {
    Duration::from_millis(number)
}

async fn level(azure: &Azure) -> Value {
    azure.cosmos.item("tz1", "mark").await.unwrap()["level"].clone()
}

/// Replaces a mark while this fault applies; returns the outcome, and whether the mark was replaced.
async fn replace_with(effect: Effect) -> (Result<reqwest::Response, reqwest::Error>, bool) {
    let azure = Azure::start().await;
    let client = builder(&azure).timeout(milliseconds(500)).build().unwrap();
    let items = Items::with(&azure, client).await;
    let created = items.create("mark").send().await.unwrap();
    let etag = created.headers()["etag"].to_str().unwrap().to_owned();
    azure.cosmos.faults().add(next(Operation::ReplaceItem, effect));
    let answer = items.replace("mark", &etag, 2).send().await;
    let is_replaced = level(&azure).await == 2;
    assert_eq!(status(items.read("mark")).await, 200, "other requests succeed");
    (answer, is_replaced)
}

#[tokio::test]
async fn a_status_without_the_work() {
    let retry_after = Some(milliseconds(40));
    let failure = Effect::Status { status: 429, sub_status: Some(3200), retry_after };
    let (answer, is_replaced) = replace_with(failure).await;
    let answer = answer.unwrap();
    assert_eq!((answer.status().as_u16(), is_replaced), (429, false));
    assert_eq!(answer.headers()["x-ms-substatus"], "3200");
    assert_eq!(answer.headers()["x-ms-retry-after-ms"], "40");
}

#[tokio::test]
async fn a_status_after_the_work() {
    let (answer, is_replaced) = replace_with(Effect::status_after_work(503)).await;
    assert_eq!((answer.unwrap().status().as_u16(), is_replaced), (503, true));
}

#[tokio::test]
async fn no_response() {
    let (answer, is_replaced) = replace_with(Effect::Hang).await;
    assert!(answer.unwrap_err().is_timeout() && !is_replaced);
    let (answer, is_replaced) = replace_with(Effect::HangAfterWork).await;
    assert!(answer.unwrap_err().is_timeout() && is_replaced);
}

#[tokio::test]
async fn a_closed_connection() {
    for (effect, expected) in [(Effect::CloseBeforeAnswer, false), (Effect::CloseAfterWork, true)] {
        let (answer, is_replaced) = replace_with(effect).await;
        let error = answer.unwrap_err();
        assert!(!error.is_timeout() && error.is_request(), "{error:?}");
        assert_eq!(is_replaced, expected);
    }
}

#[tokio::test]
async fn work_continues_after_the_client_has_disconnected() {
    let azure = Azure::start().await;
    let items = Items::with(&azure, builder(&azure).timeout(milliseconds(100)).build().unwrap()).await;
    azure.cosmos.faults().add(next(Operation::CreateItem, Effect::LateWork(Delay::Fixed(milliseconds(400)))));
    assert!(items.create("mark").send().await.unwrap_err().is_timeout());
    assert_eq!(azure.cosmos.item("tz1", "mark").await, None, "too early");
    tokio::time::sleep(milliseconds(500)).await;
    assert_eq!(level(&azure).await, 1);
}

#[tokio::test]
async fn the_vault_throttles_like_the_service() {
    let azure = Azure::start().await;
    let key = p256_key(&azure);
    let vault = Vault::of(&azure).await;
    let effect = Effect::Status { status: 429, sub_status: None, retry_after: Some(milliseconds(1500)) };
    azure.key_vault.faults().add(Fault { on: Operation::Sign, times: Times::Next(2), effect });
    assert_eq!(vault.sign(&key).send().await.unwrap().headers()["retry-after"], "2", "whole seconds");
    assert_eq!(status_and_code(vault.sign(&key)).await, (429, "Throttled".to_owned()));
    assert_eq!(status(vault.sign(&key)).await, 200);
    assert_eq!(azure.key_vault.requests(Operation::Sign), 3);
    azure.key_vault.reset_requests();
    assert_eq!(azure.key_vault.requests(Operation::Any), 0);
}

#[tokio::test]
async fn the_identity_endpoint_fails_too() {
    let azure = Azure::start().await;
    let faults = azure.identity.faults();
    faults.add(Fault { on: Operation::Token, times: Times::Forever, effect: Effect::status(500) });
    assert_eq!(status(request_token(&azure, VAULT_AUDIENCE)).await, 500);
    assert_eq!(status(request_token(&azure, VAULT_AUDIENCE)).await, 500);
    faults.clear();
    assert_eq!(status(request_token(&azure, VAULT_AUDIENCE)).await, 200);
}

#[tokio::test]
async fn delays_count_from_the_arrival_and_are_precise() {
    let azure = Azure::start().await;
    let key = p256_key(&azure);
    let vault = Vault::of(&azure).await;
    assert_eq!(status(vault.sign(&key)).await, 200, "the connection is open");
    // A fraction of a millisecond, which tokio's timers would round up.
    let delay = Duration::from_micros(7_300);
    azure.key_vault.latency(Delay::Fixed(delay));
    let mut over = Vec::new();
    for _ in 0..40 {
        let start = Instant::now();
        assert_eq!(status(vault.sign(&key)).await, 200);
        let taken = start.elapsed();
        over.push(taken.checked_sub(delay).expect("answered too early"));
    }
    over.sort();
    println!("beyond the delay, client included: median {:?}, maximum {:?}", over[20], over[39]);
    assert!(over[20] < milliseconds(2), "{over:?}");

    azure.key_vault.faults().add(next(Operation::Sign, Effect::Delay(Delay::Fixed(milliseconds(60)))));
    let start = Instant::now();
    assert_eq!(status(vault.sign(&key)).await, 200);
    assert!(start.elapsed() >= milliseconds(60), "the longer delay applies");
}

#[tokio::test]
async fn frozen_connections_stay_silent_and_new_ones_work() {
    for http2 in [false, true] {
        let azure = Azure::start().await;
        let key = p256_key(&azure);
        let client = builder(&azure).timeout(milliseconds(300));
        let client = if http2 { client } else { client.http1_only() }.build().unwrap();
        let vault = Vault::with(&azure, client).await;
        let version = vault.sign(&key).send().await.unwrap().version();
        assert_eq!(version, if http2 { reqwest::Version::HTTP_2 } else { reqwest::Version::HTTP_11 });
        azure.key_vault.freeze_connections();
        assert!(vault.sign(&key).send().await.unwrap_err().is_timeout(), "http2: {http2}");
        let signed = azure.key_vault.requests(Operation::Sign);
        assert_eq!(signed, 1, "the frozen connection was read");
        let other = Vault::of(&azure).await;
        assert_eq!(status(other.sign(&key)).await, 200, "http2: {http2}");
    }
}

#[tokio::test]
async fn a_port_refuses_and_opens_again() {
    let azure = Azure::start().await;
    let key = p256_key(&azure);
    let vault = Vault::of(&azure).await;
    assert_eq!(status(vault.sign(&key)).await, 200);
    azure.key_vault.refuse_connections(true);
    for _ in 0..3 {
        assert!(vault.sign(&key).send().await.is_err());
    }
    assert!(std::net::TcpStream::connect(azure.key_vault.address()).is_err());
    azure.key_vault.refuse_connections(false);
    assert_eq!(status(vault.sign(&key)).await, 200);
    azure.key_vault.refuse_connections(false);
    assert_eq!(status(vault.sign(&key)).await, 200);
}

#[tokio::test]
async fn each_azure_is_independent_and_stops_when_dropped() {
    let (one, other) = (Azure::start().await, Azure::start().await);
    let key = p256_key(&one);
    let vault = Vault::of(&one).await;
    assert_eq!(status(vault.sign(&key)).await, 200);
    assert_eq!(other.key_vault.requests(Operation::Any), 0);
    let address = one.key_vault.address();
    drop(one);
    assert!(std::net::TcpStream::connect(address).is_err());
}
