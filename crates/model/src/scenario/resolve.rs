//! From the document to a sound scenario: members, groups, profiles and events, each checked where it stands.

use super::{
    Event, EventKind, Load, MEMBERS_MAX, Member, Role, Scenario, ScenarioError, Series, carbon,
    document::{Document, EventKindText, EventText, GroupText, MemberText, Number, RoleText},
    reader::{Field, Reader},
    resource, sound,
    storage::{self, time},
    supply::Supply,
    terms::{self, MICRO, MONEY_MAX},
};
use crate::{MemberId, Money, OwnerId, TimeS, carbon::CLASS_NAME_MAX, offer::POWER_MAX};
use std::{collections::BTreeMap, ops::Range};
use toml::Spanned;

/// Longest name of a member.
const NAME_MAX: usize = 32;

pub(super) fn scenario(text: &str) -> Result<Scenario, ScenarioError> {
    let document: Document =
        toml::from_str(text).map_err(|error| ScenarioError::of_toml(text, &error))?;
    let mut reader = Reader::new(text);
    check_name(&reader, &document.name)?;
    let horizon = terms::horizon(&mut reader, &document.horizon)?;
    let starts = (0..u64::from(horizon.intervals)).map(|interval| {
        horizon.start.0.saturating_add(interval.saturating_mul(u64::from(horizon.period_s)))
    });
    reader.set_starts(starts.collect());
    let market = terms::market(&mut reader, &document.market)?;
    let trust = terms::trust(&mut reader, &document.trust)?;
    let thresholds = terms::thresholds(&mut reader, &document.thresholds)?;
    let carbon = carbon::policy(&mut reader, document.carbon.as_ref())?;
    let demo = terms::demo(&mut reader, document.demo.as_ref(), &horizon)?;
    for (name, profile) in &document.profiles {
        reader.add_profile(name, profile)?;
    }
    let members = Roll { start: horizon.start, ..Roll::default() }.call(&mut reader, &document)?;
    let events = document
        .events
        .iter()
        .map(|event| resolve_event(&mut reader, event, &members.list, horizon.start))
        .collect::<Result<_, _>>()?;
    let scenario = Scenario {
        name: document.name.get_ref().clone(),
        description: document.description,
        horizon,
        market,
        trust,
        thresholds,
        carbon,
        demo,
        members: members.list,
        events,
        roundings: reader.roundings.clone(),
    };
    sound::check(&reader, &scenario, &members.spans)?;
    Ok(scenario)
}

/// Members so far, with the place each came from and the owners seen.
#[derive(Default)]
struct Roll {
    /// Start of the first interval: times of day count from its midnight.
    start: TimeS,
    list: Vec<Member>,
    spans: Vec<Range<usize>>,
    owners: BTreeMap<String, OwnerId>,
}

impl Roll {
    fn call(mut self, reader: &mut Reader<'_>, document: &Document) -> Result<Self, ScenarioError> {
        for text in &document.members {
            self.add_member(reader, text)?;
        }
        for text in &document.groups {
            self.add_group(reader, text)?;
        }
        if self.list.is_empty() {
            return Err(ScenarioError::whole("no members"));
        }
        Ok(self)
    }

    fn add_member(
        &mut self,
        reader: &mut Reader<'_>,
        text: &Spanned<MemberText>,
    ) -> Result<(), ScenarioError> {
        let MemberText {
            name,
            role,
            owner,
            class,
            validator,
            stake_tokens,
            deposit_currency,
            offer,
            tie,
            storage,
            need,
        } = text.get_ref();
        let supply = match (offer, tie, storage) {
            (Some(offer), None, None) => Some(Supply::Plant(resource::offer(reader, offer)?)),
            (None, Some(tie), None) => Some(Supply::Tie(resource::tie(reader, tie)?)),
            (None, None, Some(storage)) => {
                Some(Supply::Storage(storage::storage(reader, storage, self.start)?))
            }
            (None, None, None) => None,
            (Some(_), Some(tie), _) => {
                return Err(
                    reader.refuse(tie.span(), "a member has an `offer` or a `tie`, not both")
                );
            }
            (_, _, Some(storage)) => {
                let message = "a member has a `storage` or another resource, not both";
                return Err(reader.refuse(storage.span(), message));
            }
        };
        let start = self.start;
        let load = need.as_ref().map(|need| resource::need(reader, need, start)).transpose()?;
        let member = Member {
            name: name.get_ref().clone(),
            role: role_of(*role),
            owner: self.owner(owner.as_deref().unwrap_or(name.get_ref())),
            class: class.clone(),
            validator: *validator,
            stake_tokens: stake(reader, stake_tokens.as_ref())?,
            deposit: deposit(reader, deposit_currency.as_ref())?,
            supply,
            load,
        };
        self.admit(reader, name, member)
    }

    fn add_group(
        &mut self,
        reader: &mut Reader<'_>,
        text: &Spanned<GroupText>,
    ) -> Result<(), ScenarioError> {
        let group = text.get_ref();
        let most = i64::try_from(MEMBERS_MAX).unwrap_or(i64::MAX);
        let count: usize = reader.unsigned(Field::new("count", 0, 1..=most), &group.count)?;
        let loads = group_loads(reader, text, count)?;
        let (stake_tokens, deposit) = (
            stake(reader, group.stake_tokens.as_ref())?,
            deposit(reader, group.deposit_currency.as_ref())?,
        );
        let width = count.to_string().len();
        for (number, load) in (1usize..=count).zip(loads) {
            let name = format!("{}-{number:0width$}", group.name.get_ref());
            let member = Member {
                owner: self.owner(&name),
                name,
                role: role_of(group.role),
                class: group.class.clone(),
                validator: group.validator,
                stake_tokens,
                deposit,
                supply: None,
                load,
            };
            self.admit(reader, &group.name, member)?;
        }
        Ok(())
    }

    fn admit(
        &mut self,
        reader: &Reader<'_>,
        at: &Spanned<String>,
        member: Member,
    ) -> Result<(), ScenarioError> {
        check_name(reader, at)?;
        if member.name.len() > NAME_MAX {
            return Err(reader.refuse(
                at.span(),
                format!("`{}` is longer than {NAME_MAX} characters", member.name),
            ));
        }
        if let Some(class) = member.class.as_ref().filter(|class| class.len() > CLASS_NAME_MAX) {
            let message = format!("the class `{class}` is longer than {CLASS_NAME_MAX} characters");
            return Err(reader.refuse(at.span(), message));
        }
        if self.list.iter().any(|other| other.name == member.name) {
            return Err(
                reader.refuse(at.span(), format!("two members are called `{}`", member.name))
            );
        }
        if self.list.len() >= MEMBERS_MAX {
            return Err(reader.refuse(at.span(), format!("more than {MEMBERS_MAX} members")));
        }
        self.list.push(member);
        self.spans.push(at.span());
        Ok(())
    }

    fn owner(&mut self, name: &str) -> OwnerId {
        let next = OwnerId(u16::try_from(self.owners.len()).unwrap_or(u16::MAX));
        *self.owners.entry(name.to_owned()).or_insert(next)
    }
}

fn check_name(reader: &Reader<'_>, name: &Spanned<String>) -> Result<(), ScenarioError> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if !name.get_ref().is_empty() && name.get_ref().bytes().all(plain) {
        return Ok(());
    }
    let message = format!(
        "the name `{}` is empty or has other characters than a-z, 0-9 and -",
        name.get_ref()
    );
    Err(reader.refuse(name.span(), message))
}

/// One load per member of a group; none for a group without `firm_each`.
fn group_loads(
    reader: &mut Reader<'_>,
    text: &Spanned<GroupText>,
    count: usize,
) -> Result<Vec<Option<Load>>, ScenarioError> {
    let group = text.get_ref();
    if group.firm_each_w.is_none() && group.firm_each_kw.is_none() {
        return Ok(vec![None; count]);
    }
    let (key, power, list) = reader.either(
        group.name.span(),
        ("firm_each_w", group.firm_each_w.as_ref()),
        ("firm_each_kw", group.firm_each_kw.as_ref()),
    )?;
    if list.get_ref().len() != count {
        let message = format!("`{key}` lists {} values for {count} members", list.get_ref().len());
        return Err(reader.refuse(list.span(), message));
    }
    let field = Field::new(key, power, 0..=POWER_MAX.0);
    let mut loads = Vec::with_capacity(count);
    for number in list.get_ref() {
        let peak = reader.number(field, number)?;
        let firm = match &group.profile {
            Some(profile) => reader.scaled(profile, peak)?,
            None => Series(vec![peak]),
        };
        loads.push(Some(Load { firm, tiers: Vec::new(), shiftable: Vec::new() }));
    }
    Ok(loads)
}

fn stake(reader: &mut Reader<'_>, number: Option<&Number>) -> Result<u64, ScenarioError> {
    number.map_or(Ok(0), |number| {
        reader.unsigned(Field::new("stake_tokens", 0, 0..=MONEY_MAX), number)
    })
}

fn deposit(reader: &mut Reader<'_>, number: Option<&Number>) -> Result<Money, ScenarioError> {
    let field = Field::new("deposit_currency", MICRO, 0..=MONEY_MAX);
    number.map_or(Ok(Money::ZERO), |number| reader.number(field, number).map(Money))
}

const fn role_of(role: RoleText) -> Role {
    match role {
        RoleText::Supplier => Role::Supplier,
        RoleText::Storage => Role::Storage,
        RoleText::Campus => Role::Campus,
        RoleText::Tenant => Role::Tenant,
        RoleText::Utility => Role::Utility,
        RoleText::Authority => Role::Authority,
        RoleText::Certifier => Role::Certifier,
        RoleText::Auditor => Role::Auditor,
    }
}

fn resolve_event(
    reader: &mut Reader<'_>,
    text: &EventText,
    members: &[Member],
    start: TimeS,
) -> Result<Event, ScenarioError> {
    let EventText { kind, member, at, until, announced, import_max_w, import_max_kw } = text;
    let position = members.iter().position(|other| other.name == *member.get_ref());
    let id = position.and_then(|position| u16::try_from(position).ok()).map(MemberId).ok_or_else(
        || reader.refuse(member.span(), format!("no member is called `{}`", member.get_ref())),
    )?;
    let supply = members.get(usize::from(id.0)).and_then(|member| member.supply.as_ref());
    let limit = import_max_w.is_some() || import_max_kw.is_some();
    let refuse = |what: &str| {
        Err(reader.refuse(member.span(), format!("`{}` has no {what}", member.get_ref())))
    };
    match (kind, supply) {
        (EventKindText::Outage, None) => return refuse("resource that could fail"),
        (EventKindText::Island | EventKindText::DemandResponse, supply)
            if !matches!(supply, Some(Supply::Tie(_))) =>
        {
            return refuse("tie; islands and demand response are events of one");
        }
        (EventKindText::Outage | EventKindText::Island, _) if limit => {
            let message = "`import_max` belongs to a demand-response event";
            return Err(reader.refuse(member.span(), message));
        }
        _ => {}
    }
    let kind = match kind {
        EventKindText::Outage => EventKind::Outage,
        EventKindText::Island => EventKind::Island,
        EventKindText::DemandResponse => EventKind::DemandResponse {
            import_max: storage::power(
                reader,
                member.span(),
                ("import_max_w", import_max_w.as_ref()),
                ("import_max_kw", import_max_kw.as_ref()),
                POWER_MAX,
            )?,
        },
    };
    let asked = matches!(kind, EventKind::DemandResponse { .. });
    let announced = announced.unwrap_or(asked);
    if asked && !announced {
        let message = "a demand-response event is announced: somebody asks for it";
        return Err(reader.refuse(at.span(), message));
    }
    let from = time(reader, at, start)?;
    let until = until
        .as_ref()
        .map(|until| time(reader, until, start).map(|time| (time, until.span())))
        .transpose()?;
    if let Some((end, span)) = &until
        && *end <= from
    {
        return Err(reader.refuse(span.clone(), "an event ends after it begins"));
    }
    if until.is_none() && kind != EventKind::Outage {
        let message = "an island or a demand-response event needs its end, `until`";
        return Err(reader.refuse(at.span(), message));
    }
    let until = until.map(|(time, _)| time);
    Ok(Event { kind, announced, member: id, from, until })
}
