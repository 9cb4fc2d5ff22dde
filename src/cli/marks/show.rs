//! `marks list` and `marks export`.

use super::super::{CommandError, print_line};
use super::cover::{Cover, name_of};
use super::storage::Storage;
use super::{Which, note};
use azurehsm_signer::marks::cosmos::MarkReader;
use azurehsm_signer::marks::{Found, Listing, Mark, MarkId, interchange};
use azurehsm_signer::settings::MarksSettings;
use azurehsm_signer::tezos::payload::Kind;
use futures::{StreamExt, stream};
use std::collections::BTreeSet;
use std::time::Duration;
use time::format_description::well_known::Rfc3339;
use tokio::time::Instant;

/// The selected marks.
pub(super) struct Shown {
    /// The marks, and the items that are not marks.
    pub(super) listing: Listing,
    /// Why some marks could not be read, one line each.
    pub(super) unread: Vec<String>,
    /// Whether the selection cannot include other marks.
    pub(super) is_all: bool,
    /// Which marks were read, if not those of a file.
    coverage: Option<String>,
}

/// Prints the readable marks, and reports unreadable ones on standard error.
pub(super) async fn list(settings: &MarksSettings, which: &Which) -> Result<(), CommandError> {
    let Some(storage) = Storage::open(settings).await? else {
        return print_line(&format!("no marks: {} does not exist", settings.services.embedded.marks_file().display()));
    };
    let shown = read(settings, &storage, which).await?;
    shown.report_coverage();
    let lines: Vec<_> = shown.listing.marks.iter().map(|(id, mark)| line_of(id, mark)).collect();
    print_line(&lines.join("\n"))?;
    shown.report_missing();
    if shown.unread.is_empty() { Ok(()) } else { Err(shown.incomplete("list").into()) }
}

/// Prints the readable marks as JSON, and fails if they are incomplete, or possibly incomplete.
pub(super) async fn export(settings: &MarksSettings, which: &Which) -> Result<(), CommandError> {
    let Some(storage) = Storage::open(settings).await? else {
        return print_line(&interchange::export(&[])?);
    };
    let shown = read(settings, &storage, which).await?;
    shown.report_coverage();
    print_line(&interchange::export(&shown.listing.marks)?)?;
    shown.report_missing();
    if !shown.unread.is_empty() || !shown.listing.unreadable.is_empty() {
        Err(shown.incomplete("export").into())
    } else if !shown.is_all {
        Err("the export may be incomplete, see above".into())
    } else {
        Ok(())
    }
}

impl Shown {
    pub(super) fn report_coverage(&self) {
        self.coverage.iter().for_each(|coverage| note(coverage));
    }

    fn report_missing(&self) {
        for item in &self.listing.unreadable {
            note(&format!("{} is not a mark: {}", item.name, item.reason));
        }
        for reason in &self.unread {
            note(reason);
        }
    }

    fn incomplete(&self, what: &str) -> String {
        let missing = self.unread.len() + self.listing.unreadable.len();
        format!(
            "the {what} is incomplete: {missing} could not be read, see above; it contains {}",
            self.listing.marks.len()
        )
    }
}

/// Reads the selected marks: with a listing if possible, otherwise one by one.
pub(super) async fn read(settings: &MarksSettings, storage: &Storage, which: &Which) -> Result<Shown, CommandError> {
    let (reader, azure, timeout) = match storage {
        Storage::File(store) => {
            let mut listing = store.list().await?;
            listing.marks.retain(|(id, _)| which.includes(id));
            return Ok(Shown { listing, unread: Vec::new(), is_all: true, coverage: None });
        }
        Storage::Container { reader, azure, timeout } => (reader, azure, *timeout),
    };
    match reader.list(Instant::now() + timeout).await {
        Ok(Some(mut listing)) => {
            listing.marks.retain(|(id, _)| which.includes(id));
            let coverage = Some(all_of(&listing));
            Ok(Shown { listing, unread: Vec::new(), is_all: true, coverage })
        }
        answer => {
            let mut cover = Cover::find(settings, azure, which).await?;
            let mut coverage = None;
            match answer {
                Ok(_) => coverage = Some(one_by_one(&cover, which)),
                Err(error) => cover.unread.push(format!("the container could not be listed: {}", error.log())),
            }
            Ok(Shown { coverage, ..look_at_all(reader, cover, which, timeout).await })
        }
    }
}

/// Reads each mark by its name.
async fn look_at_all(reader: &MarkReader, cover: Cover, which: &Which, timeout: Duration) -> Shown {
    const MAX_IN_FLIGHT: usize = 8;
    let is_all = !which.key.is_empty() && !which.chain.is_empty();
    let mut shown = Shown { listing: Listing::default(), unread: cover.unread, is_all, coverage: None };
    let (keys, chains) = (&cover.keys, &cover.chains);
    let ids = chains.iter().flat_map(|chain| {
        keys.iter().flat_map(|(key, _)| Kind::ALL.map(|kind| MarkId { chain: *chain, key: *key, kind }))
    });
    let mut answers = stream::iter(ids)
        .map(|id| async move { (id, reader.look(&id, Instant::now() + timeout).await) })
        .buffered(MAX_IN_FLIGHT);
    while let Some((id, answer)) = answers.next().await {
        match answer {
            Ok(None) => {}
            Ok(Some(Found::Mark(stored))) => shown.listing.marks.push((id, stored.mark)),
            Ok(Some(Found::Unreadable(item))) => shown.listing.unreadable.push(item),
            Err(error) => shown.unread.push(format!("{id} could not be read: {}", error.log())),
        }
    }
    shown
}

/// Summarizes a listing of the whole container.
fn all_of(listing: &Listing) -> String {
    let keys: BTreeSet<_> = listing.marks.iter().map(|(id, _)| id.key.to_string()).collect();
    let chains: BTreeSet<_> = listing.marks.iter().map(|(id, _)| name_of(id.chain)).collect();
    if keys.is_empty() {
        return "the whole container was read: it contains no such marks".to_owned();
    }
    format!("the whole container was read: it contains marks {}", of_keys_on_chains(keys, chains))
}

/// Summarizes which marks were read one by one, and explains how to list all.
fn one_by_one(cover: &Cover, which: &Which) -> String {
    let keys = cover.keys.iter().map(|(key, name)| format!("{key} ({name})"));
    let of_keys = of_keys_on_chains(keys, cover.chains.iter().map(|chain| name_of(*chain)));
    let mut text = format!("this identity may not query the container, so marks were read one by one: {of_keys}");
    if which.key.is_empty() || which.chain.is_empty() {
        text += "\nmarks of other keys (such as deleted ones) or on other chains are not included. Specify all keys and chains \
                 with --key and --chain, or assign the role \"Cosmos DB Built-in Data Reader\" to this identity so that it can \
                 list them:\naz cosmosdb sql role assignment create --resource-group <group> --account-name <account> \
                 --role-definition-id 00000000-0000-0000-0000-000000000001 --principal-id <object id> --scope /";
    }
    text
}

fn of_keys_on_chains(keys: impl IntoIterator<Item = String>, chains: impl IntoIterator<Item = String>) -> String {
    let (keys, chains): (Vec<_>, Vec<_>) = (keys.into_iter().collect(), chains.into_iter().collect());
    format!("of the keys {}; on the chains {}", keys.join(", "), chains.join(", "))
}

fn line_of(id: &MarkId, mark: &Mark) -> String {
    let digest = mark.true_digest().map_or_else(|| "raised by hand".to_owned(), |digest| digest.to_string());
    let mut line = format!("{}  {}  {}  {}  {digest}", id.chain, id.key, id.kind, mark.true_position());
    if let Some(written) = &mark.written {
        let at = written.at.format(&Rfc3339).unwrap_or_default();
        line.extend([format!("  {at} by {}", written.instance)]);
        line.extend(written.requester.map(|requester| format!(" for {requester}")));
    }
    line.extend(mark.stops().iter().map(|stop| format!("\n  {stop}")));
    line
}
