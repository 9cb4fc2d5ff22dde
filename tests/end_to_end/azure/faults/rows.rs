//! The table of faults.

use super::Answer::{Failed, Signed};
use super::Injected::{Other, Sign, Store};
use super::MarkAfter::{Raised, Untouched};
use super::Requested::{Block, FirstBlock, FirstVote, SameBlock, SameVote, Vote};
use super::{Answer, DEADLINE, Injected, MarkAfter, Requested, Row};
use crate::azure::cloud::{always, ms};
use stand_ins::Effect::{CloseAfterWork, CloseBeforeAnswer, Delay, Hang, HangAfterWork, LateWork};
use stand_ins::Operation::{Any, CreateItem, ReadItem, ReplaceItem, Token};
use stand_ins::{BadSignature, Delay as Of, Effect};
use std::ops::RangeInclusive;
use std::sync::LazyLock;

/// A single call of the vault, which may be given up.
const TRY: u64 = 800;

/// A single request to Cosmos DB.
const REQUEST: u64 = 1_000;

fn status(status: u16) -> Effect {
    Effect::status(status)
}

fn after_work(status: u16) -> Effect {
    Effect::status_after_work(status)
}

fn busy(status: u16, retry_after: u64) -> Effect {
    Effect::Status { status, sub_status: None, retry_after: Some(ms(retry_after)) }
}

fn sub(status: u16, sub_status: u32) -> Effect {
    Effect::Status { status, sub_status: Some(sub_status), retry_after: None }
}

fn bad(signature: BadSignature) -> Effect {
    Effect::BadSignature(signature)
}

fn late(milliseconds: u64) -> Effect {
    LateWork(Of::Fixed(ms(milliseconds)))
}

fn slow(milliseconds: u64) -> Effect {
    Delay(Of::Fixed(ms(milliseconds)))
}

const VAULT_NOW: &str = "the vault cannot be used now";
const VAULT_EVER: &str = "the vault cannot do this";
const NOT_IN_VAULT: &str = "it is not in the vault";
/// The last attempt may be under way at the deadline.
const VAULT: &str = "the vault";
const STORE: &str = "the mark store cannot be used";
const STORE_IN_TIME: &str = "mark store";
const WRONG_SIGNATURE: &str = "the vault returned a wrong signature";

/// Until the deadline.
const ANY: RangeInclusive<u64> = 0..=DEADLINE;
const QUICK: RangeInclusive<u64> = 0..=300;

/// Before the second, third and fourth attempt: half of 20, 40 and 80 ms, with the least jitter.
const SHORTEST_PAUSES: u64 = 70;

type Columns = (Requested, Injected, Answer, RangeInclusive<u64>, MarkAfter);

pub(super) static ROWS: LazyLock<Vec<Row>> = LazyLock::new(|| {
    let rows = vault().into_iter().chain(store()).chain(answer_lost()).chain(identity_and_all());
    rows.map(|(requested, injected, answer, takes, mark)| Row { requested, injected, answer, takes, mark }).collect()
});

fn vault() -> Vec<Columns> {
    let refused = Other("the vault refuses", |azure| azure.key_vault.refuse_connections(true));
    let frozen = Other("connections to the vault are frozen", |azure| azure.key_vault.freeze_connections());
    let mut rows = vec![
        (Vote, refused, Failed(VAULT), ANY, Raised(1)),
        (Block, refused, Failed(VAULT), ANY, Untouched),
        // The signature released earlier.
        (SameVote, refused, Signed, QUICK, Raised(0)),
        (SameBlock, refused, Signed, QUICK, Raised(0)),
        (Vote, frozen, Signed, TRY..=TRY + 200, Raised(1)),
        (Block, frozen, Signed, TRY..=TRY + 200, Raised(1)),
        (Vote, Sign(0, slow(300)), Signed, 300..=500, Raised(1)),
        (Block, Sign(1, Hang), Signed, TRY..=TRY + 200, Raised(1)),
        (Vote, Sign(0, Hang), Failed(VAULT), ANY, Raised(1)),
        (Block, Sign(0, Hang), Failed(VAULT), ANY, Untouched),
        (SameBlock, Sign(0, Hang), Signed, QUICK, Raised(0)),
        (Vote, Sign(1, HangAfterWork), Signed, TRY..=TRY + 200, Raised(1)),
        (Vote, Sign(1, late(1_500)), Signed, TRY..=TRY + 200, Raised(1)),
        (Vote, Sign(2, CloseBeforeAnswer), Signed, QUICK, Raised(1)),
        (Block, Sign(2, CloseAfterWork), Signed, QUICK, Raised(1)),
        (Vote, Sign(1, status(401)), Signed, 0..=1_000, Raised(1)),
        (Vote, Sign(0, status(401)), Failed(VAULT), ANY, Raised(1)),
        (Block, Sign(0, status(401)), Failed(VAULT), ANY, Untouched),
        (Vote, Sign(0, status(403)), Failed(VAULT_EVER), QUICK, Raised(1)),
        (Block, Sign(0, status(403)), Failed(VAULT_EVER), QUICK, Untouched),
        (Vote, Sign(0, status(404)), Failed(NOT_IN_VAULT), QUICK, Raised(1)),
        // A role or a key may have just been created.
        (Vote, Sign(1, status(403)), Signed, QUICK, Raised(1)),
        (Block, Sign(1, status(404)), Signed, QUICK, Raised(1)),
        (Vote, Sign(1, status(409)), Signed, QUICK, Raised(1)),
        (Vote, Sign(3, status(429)), Signed, SHORTEST_PAUSES..=400, Raised(1)),
        (Vote, Sign(1, busy(429, 1_000)), Signed, 1_000..=1_200, Raised(1)),
        // A pause longer than the remaining time is shortened for a last call.
        (Vote, Sign(1, busy(429, 30_000)), Signed, 3_400..=DEADLINE, Raised(1)),
        (Vote, Sign(0, busy(429, 30_000)), Failed(VAULT_NOW), ANY, Raised(1)),
        (Block, Sign(2, status(500)), Signed, 0..=300, Raised(1)),
        (Vote, Sign(1, busy(503, 1_000)), Signed, 1_000..=1_200, Raised(1)),
        (Block, Sign(0, status(503)), Failed(VAULT), ANY, Untouched),
        (Vote, Sign(1, status(408)), Signed, QUICK, Raised(1)),
        (Vote, Sign(1, bad(BadSignature::Truncated)), Signed, QUICK, Raised(1)),
        (Block, Sign(1, bad(BadSignature::Empty)), Signed, QUICK, Raised(1)),
    ];
    for signature in [BadSignature::OfOtherData, BadSignature::ByOtherKey] {
        rows.push((Vote, Sign(1, bad(signature)), Signed, QUICK, Raised(1)));
        rows.push((Vote, Sign(0, bad(signature)), Failed(WRONG_SIGNATURE), ANY, Raised(1)));
        rows.push((Block, Sign(0, bad(signature)), Failed(WRONG_SIGNATURE), ANY, Untouched));
    }
    rows
}

fn store() -> Vec<Columns> {
    let refused = Other("Cosmos DB refuses", |azure| azure.cosmos.refuse_connections(true));
    let frozen = Other("connections to Cosmos DB are frozen", |azure| azure.cosmos.freeze_connections());
    let throttled = |times| Store(times, ReplaceItem, busy(429, 100));
    vec![
        (Vote, refused, Failed(STORE), ANY, Untouched),
        (Block, refused, Failed(STORE), ANY, Untouched),
        (SameBlock, refused, Failed(STORE), ANY, Raised(0)),
        (Vote, frozen, Signed, 0..=1_500, Raised(1)),
        (Block, frozen, Signed, 0..=1_500, Raised(1)),
        (SameVote, frozen, Signed, 0..=1_500, Raised(0)),
        (Vote, Store(0, ReplaceItem, slow(300)), Signed, 300..=500, Raised(1)),
        (FirstVote, Store(1, CreateItem, Hang), Signed, 0..=REQUEST + 200, Raised(2)),
        (Block, Store(1, ReplaceItem, Hang), Signed, 0..=REQUEST + 200, Raised(2)),
        (Vote, Store(0, Any, Hang), Failed(STORE_IN_TIME), ANY, Untouched),
        (Vote, Store(1, ReplaceItem, status(401)), Signed, 0..=1_000, Raised(2)),
        (Vote, Store(0, Any, status(401)), Failed(STORE), ANY, Untouched),
        (Vote, Store(0, ReplaceItem, status(403)), Failed(STORE), QUICK, Untouched),
        (FirstBlock, Store(0, CreateItem, status(403)), Failed(STORE), QUICK, Untouched),
        (Vote, Store(1, ReplaceItem, status(403)), Signed, QUICK, Raised(2)),
        (FirstBlock, Store(1, CreateItem, sub(404, 1003)), Signed, QUICK, Raised(2)),
        (Vote, Store(1, ReplaceItem, sub(403, 3)), Signed, 0..=1_000, Raised(2)),
        (Vote, Store(1, ReplaceItem, status(404)), Signed, QUICK, Raised(2)),
        (FirstVote, Store(0, Any, sub(404, 1003)), Failed(STORE), QUICK, Untouched),
        (FirstVote, Store(0, CreateItem, status(404)), Failed(STORE), QUICK, Untouched),
        (FirstVote, Store(1, CreateItem, status(409)), Signed, QUICK, Raised(2)),
        (FirstBlock, Store(1, CreateItem, status(409)), Signed, QUICK, Raised(2)),
        (Vote, Store(1, ReplaceItem, status(412)), Signed, QUICK, Raised(2)),
        (Block, Store(1, ReplaceItem, status(412)), Signed, QUICK, Raised(2)),
        (Vote, Store(0, ReplaceItem, status(412)), Failed(STORE_IN_TIME), ANY, Untouched),
        (Vote, throttled(3), Signed, 300..=700, Raised(4)),
        (Vote, Store(3, ReplaceItem, status(429)), Signed, 0..=500, Raised(4)),
        (Vote, Store(1, ReplaceItem, busy(429, 30_000)), Signed, 3_400..=DEADLINE, Raised(2)),
        (Block, Store(0, Any, busy(429, 30_000)), Failed(STORE), ANY, Untouched),
        (Vote, Store(2, ReplaceItem, sub(449, 0)), Signed, 0..=500, Raised(3)),
        (Vote, Store(1, ReplaceItem, status(500)), Signed, QUICK, Raised(2)),
        (Block, Store(2, ReplaceItem, status(503)), Signed, QUICK, Raised(3)),
        (Vote, Store(0, ReplaceItem, status(503)), Failed(STORE), ANY, Untouched),
        // A transient fault that ends well before the deadline.
        (Vote, Store(6, ReplaceItem, status(503)), Signed, 0..=2_500, Raised(7)),
        (Block, Store(6, ReplaceItem, status(500)), Signed, 0..=2_500, Raised(7)),
        (Vote, Store(1, ReplaceItem, CloseBeforeAnswer), Signed, 0..=1_000, Raised(2)),
        (SameVote, Store(1, ReadItem, Hang), Signed, 0..=REQUEST + 200, Raised(0)),
        (SameBlock, Store(2, ReadItem, status(503)), Signed, QUICK, Raised(0)),
        (FirstVote, Store(2, ReadItem, busy(429, 50)), Signed, 100..=500, Raised(1)),
    ]
}

/// The write is done, but its answer is lost. If it is merely late, a second write is started in parallel, which fails.
fn answer_lost() -> Vec<Columns> {
    let mut rows = vec![
        (Vote, Store(1, ReplaceItem, HangAfterWork), Signed, 0..=REQUEST + 200, Raised(2)),
        (Block, Store(1, ReplaceItem, HangAfterWork), Signed, 0..=REQUEST + 200, Raised(2)),
        (FirstVote, Store(1, CreateItem, HangAfterWork), Signed, 0..=REQUEST + 200, Raised(2)),
        (FirstBlock, Store(1, CreateItem, HangAfterWork), Signed, 0..=REQUEST + 200, Raised(2)),
        (Vote, Store(1, ReplaceItem, CloseAfterWork), Signed, 0..=1_000, Raised(1)),
        (Block, Store(1, ReplaceItem, CloseAfterWork), Signed, 0..=1_000, Raised(1)),
        (FirstBlock, Store(1, CreateItem, after_work(409)), Signed, QUICK, Raised(1)),
        // The write is done after it was given up and repeated: too late.
        (Vote, Store(1, ReplaceItem, late(1_600)), Signed, 0..=REQUEST + 200, Raised(2)),
        (FirstBlock, Store(1, CreateItem, late(1_600)), Signed, 0..=REQUEST + 200, Raised(2)),
    ];
    for status in [408, 412, 500, 503] {
        rows.push((Vote, Store(1, ReplaceItem, after_work(status)), Signed, QUICK, Raised(1)));
        rows.push((Block, Store(1, ReplaceItem, after_work(status)), Signed, QUICK, Raised(1)));
    }
    rows
}

fn identity_and_all() -> Vec<Columns> {
    let down = Other("the identity endpoint refuses", |azure| azure.identity.refuse_connections(true));
    let hangs = Other("the identity endpoint hangs", |azure| always(azure.identity.faults(), Token, Hang));
    let revoked = Other("all tokens are revoked", |azure| azure.identity.revoke_all());
    let no_new_ones = Other("tokens are revoked, and there are no new ones", |azure| {
        always(azure.identity.faults(), Token, status(500));
        azure.identity.revoke_all();
    });
    let both_slow = Other("both services are slow", |azure| {
        always(azure.key_vault.faults(), Any, slow(400));
        always(azure.cosmos.faults(), Any, slow(400));
    });
    let all_down = Other("everything refuses", |azure| {
        azure.identity.refuse_connections(true);
        azure.key_vault.refuse_connections(true);
        azure.cosmos.refuse_connections(true);
    });
    let all_frozen = Other("all connections are frozen", |azure| {
        azure.key_vault.freeze_connections();
        azure.cosmos.freeze_connections();
    });
    vec![
        (Vote, down, Signed, QUICK, Raised(1)),
        (Block, hangs, Signed, QUICK, Raised(1)),
        // A request without a valid token writes nothing.
        (Vote, revoked, Signed, 0..=2_000, Raised(1)),
        (Block, revoked, Signed, 0..=2_500, Raised(1)),
        (Vote, no_new_ones, Failed(""), ANY, Untouched),
        // Concurrent for votes, sequential for blocks.
        (Vote, both_slow, Signed, 400..=700, Raised(1)),
        (Block, both_slow, Signed, 800..=1_100, Raised(1)),
        (Vote, all_down, Failed(""), ANY, Untouched),
        (Block, all_down, Failed(""), ANY, Untouched),
        (Vote, all_frozen, Signed, TRY..=1_500, Raised(1)),
    ]
}
