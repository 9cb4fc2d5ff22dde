use super::super::services::open_vault;
use super::super::{Stopped, print_line};
use super::place::{Place, file_of};
use super::{Which, tell};
use azurehsm_signer::marks::{Found, Listing, Mark, MarkId, import};
use azurehsm_signer::settings::MarksSettings;
use azurehsm_signer::tezos::PublicKeyHash;
use azurehsm_signer::tezos::payload::Kind;
use azurehsm_signer::vault::{FoundKeys, VaultError};
use std::time::Duration;
use time::format_description::well_known::Rfc3339;
use tokio::time::Instant;

const MAINNET: &str = "NetXdQprcVkpaWU";

/// What was found.
struct Shown {
    listing: Listing,
    /// What could not be asked, each with its reason.
    unread: Vec<String>,
}

/// Prints the marks that can be read, and names what cannot on standard error.
pub(super) async fn list(settings: &MarksSettings, which: &Which) -> Result<(), Stopped> {
    let Some(place) = Place::open(settings).await? else {
        return print_line(&format!("no marks: there is no {}", file_of(settings).display()));
    };
    let shown = read(settings, &place, which).await?;
    let lines: Vec<_> = shown.listing.marks.iter().map(|(id, mark)| line_of(id, mark)).collect();
    print_line(&lines.join("\n"))?;
    shown.tell_what_is_missing();
    if shown.unread.is_empty() { Ok(()) } else { Err(shown.incomplete("list").into()) }
}

/// Prints the marks that can be read as JSON, and ends with an error if that is not all there is.
pub(super) async fn export(settings: &MarksSettings, which: &Which) -> Result<(), Stopped> {
    let Some(place) = Place::open(settings).await? else {
        return print_line(&import::export(&[])?);
    };
    let shown = read(settings, &place, which).await?;
    print_line(&import::export(&shown.listing.marks)?)?;
    shown.tell_what_is_missing();
    let is_complete = shown.unread.is_empty() && shown.listing.unreadable.is_empty();
    if is_complete { Ok(()) } else { Err(shown.incomplete("export").into()) }
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

async fn read(settings: &MarksSettings, place: &Place, which: &Which) -> Result<Shown, Stopped> {
    let (reader, azure, patience) = match place {
        Place::File(store) => return Ok(Shown { listing: store.list().await?, unread: Vec::new() }),
        Place::Container { reader, azure, patience } => (reader, azure, *patience),
    };
    let chains = if which.chain.is_empty() { vec![MAINNET.parse()?] } else { which.chain.clone() };
    let mut shown = Shown { listing: Listing::default(), unread: Vec::new() };
    let keys: Vec<PublicKeyHash> = if which.key.is_empty() {
        let vault = open_vault(&settings.services, Some(azure))?;
        let found = keys_of(async || vault.keys().await, patience).await?;
        shown.unread.extend(found.unread.map(|error| format!("not all keys of the vault are known: {error}")));
        found.usable.iter().map(|key| key.hash).collect()
    } else {
        which.key.clone()
    };
    for chain in chains {
        for key in &keys {
            for kind in Kind::ALL {
                let id = MarkId { chain, key: *key, kind };
                match reader.look(&id, Instant::now() + patience).await {
                    Ok(None) => {}
                    Ok(Some(Found::Mark(stored))) => shown.listing.marks.push((id, stored.mark)),
                    Ok(Some(Found::Unreadable(item))) => shown.listing.unreadable.push(item),
                    Err(error) => shown.unread.push(format!("{id} could not be read: {}", error.log())),
                }
            }
        }
    }
    Ok(shown)
}

/// The keys of the vault, which is asked again until it answers, as long as a request would wait.
async fn keys_of(
    ask: impl AsyncFn() -> Result<FoundKeys, VaultError>,
    patience: Duration,
) -> Result<FoundKeys, VaultError> {
    const PAUSE: Duration = Duration::from_millis(200);
    let deadline = Instant::now() + patience;
    loop {
        match ask().await {
            Ok(found) => return Ok(found),
            Err(error @ VaultError::Unable(_)) => return Err(error),
            Err(error) if Instant::now() + PAUSE >= deadline => return Err(error),
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
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
