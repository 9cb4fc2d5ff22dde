use super::super::{CommandError, print_line};
use super::cover::{Cover, name_of};
use super::place::{Place, file_of};
use super::{Which, tell};
use azurehsm_signer::marks::cosmos::MarkReader;
use azurehsm_signer::marks::{Found, Listing, Mark, MarkId, interchange};
use azurehsm_signer::settings::MarksSettings;
use azurehsm_signer::tezos::payload::Kind;
use futures::{StreamExt, stream};
use std::collections::BTreeSet;
use std::time::Duration;
use time::format_description::well_known::Rfc3339;
use tokio::time::Instant;

/// What was found.
struct Shown {
    listing: Listing,
    /// What could not be asked, each with its reason.
    unread: Vec<String>,
    /// Whether there can be no other marks among those that are wanted.
    is_all: bool,
}

/// Prints the marks that can be read, and names what cannot on standard error.
pub(super) async fn list(settings: &MarksSettings, which: &Which) -> Result<(), CommandError> {
    let Some(place) = Place::open(settings).await? else {
        return print_line(&format!("no marks: there is no {}", file_of(settings).display()));
    };
    let shown = read(settings, &place, which).await?;
    let lines: Vec<_> = shown.listing.marks.iter().map(|(id, mark)| line_of(id, mark)).collect();
    print_line(&lines.join("\n"))?;
    shown.tell_what_is_missing();
    if shown.unread.is_empty() { Ok(()) } else { Err(shown.incomplete("list").into()) }
}

/// Prints the marks that can be read as JSON, and ends with an error if that is not all there is, or is not known to be.
pub(super) async fn export(settings: &MarksSettings, which: &Which) -> Result<(), CommandError> {
    let Some(place) = Place::open(settings).await? else {
        return print_line(&interchange::export(&[])?);
    };
    let shown = read(settings, &place, which).await?;
    print_line(&interchange::export(&shown.listing.marks)?)?;
    shown.tell_what_is_missing();
    if !shown.unread.is_empty() || !shown.listing.unreadable.is_empty() {
        Err(shown.incomplete("export").into())
    } else if !shown.is_all {
        Err("the export is not known to be complete, as said above".into())
    } else {
        Ok(())
    }
}

impl Shown {
    fn tell_what_is_missing(&self) {
        for item in &self.listing.unreadable {
            tell(&format!("{} is not a mark: {}", item.name, item.why));
        }
        for why in &self.unread {
            tell(why);
        }
    }

    fn incomplete(&self, what: &str) -> String {
        let missing = self.unread.len() + self.listing.unreadable.len();
        format!(
            "the {what} is not complete: {missing} could not be read, named above; {} are in it",
            self.listing.marks.len()
        )
    }
}

async fn read(settings: &MarksSettings, place: &Place, which: &Which) -> Result<Shown, CommandError> {
    let (reader, azure, patience) = match place {
        Place::File(store) => {
            let mut listing = store.list().await?;
            listing.marks.retain(|(id, _)| which.includes(id));
            return Ok(Shown { listing, unread: Vec::new(), is_all: true });
        }
        Place::Container { reader, azure, patience } => (reader, azure, *patience),
    };
    match reader.list(Instant::now() + patience).await {
        Ok(Some(mut listing)) => {
            listing.marks.retain(|(id, _)| which.includes(id));
            tell(&all_of(&listing));
            Ok(Shown { listing, unread: Vec::new(), is_all: true })
        }
        answer => {
            let mut cover = Cover::find(settings, azure, which).await?;
            match answer {
                Ok(_) => tell(&one_by_one(&cover, which)),
                Err(error) => cover.unread.push(format!("the container could not be listed: {}", error.log())),
            }
            Ok(look_at_all(reader, cover, which, patience).await)
        }
    }
}

/// Looks for each mark by its name.
async fn look_at_all(reader: &MarkReader, cover: Cover, which: &Which, patience: Duration) -> Shown {
    const AT_A_TIME: usize = 8;
    let is_all = !which.key.is_empty() && !which.chain.is_empty();
    let mut shown = Shown { listing: Listing::default(), unread: cover.unread, is_all };
    let (keys, chains) = (&cover.keys, &cover.chains);
    let ids = chains.iter().flat_map(|chain| {
        keys.iter().flat_map(|(key, _)| Kind::ALL.map(|kind| MarkId { chain: *chain, key: *key, kind }))
    });
    let mut answers = stream::iter(ids)
        .map(|id| async move { (id, reader.look(&id, Instant::now() + patience).await) })
        .buffered(AT_A_TIME);
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

/// What a listing has.
fn all_of(listing: &Listing) -> String {
    let keys: BTreeSet<_> = listing.marks.iter().map(|(id, _)| id.key.to_string()).collect();
    let chains: BTreeSet<_> = listing.marks.iter().map(|(id, _)| name_of(id.chain)).collect();
    if keys.is_empty() {
        return "the whole container was read: there are no such marks".to_owned();
    }
    format!("the whole container was read: there are marks {}", of_keys_on_chains(keys, chains))
}

/// Where marks were looked for by their names, and what lets all be listed.
fn one_by_one(cover: &Cover, which: &Which) -> String {
    let keys = cover.keys.iter().map(|(key, name)| format!("{key} ({name})"));
    let of_keys = of_keys_on_chains(keys, cover.chains.iter().map(|chain| name_of(*chain)));
    let mut text = format!("this identity may not query the container, so marks were looked for one by one: {of_keys}");
    if which.key.is_empty() || which.chain.is_empty() {
        text += "\nif there are marks of other keys (deleted ones, say) or on other chains, they are not among these. Name all \
                 keys and chains with --key and --chain, or let this identity list them with the role \"Cosmos DB Built-in Data \
                 Reader\":\naz cosmosdb sql role assignment create --resource-group <group> --account-name <account> \
                 --role-definition-id 00000000-0000-0000-0000-000000000001 --principal-id <object id> --scope /";
    }
    text
}

fn of_keys_on_chains(keys: impl IntoIterator<Item = String>, chains: impl IntoIterator<Item = String>) -> String {
    let (keys, chains): (Vec<_>, Vec<_>) = (keys.into_iter().collect(), chains.into_iter().collect());
    format!("of the keys {}; on the chains {}", keys.join(", "), chains.join(", "))
}

fn line_of(id: &MarkId, mark: &Mark) -> String {
    let digest = mark.digest.map_or_else(|| "raised by hand".to_owned(), |digest| digest.to_string());
    let mut line = format!("{}  {}  {}  {}  {digest}", id.chain, id.key, id.kind, mark.position);
    if let Some(written) = &mark.written {
        let at = written.at.format(&Rfc3339).unwrap_or_default();
        line.extend([format!("  {at} by {}", written.instance)]);
        line.extend(written.requester.map(|requester| format!(" for {requester}")));
    }
    line
}
