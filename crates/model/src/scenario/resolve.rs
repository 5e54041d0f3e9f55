//! From the document to a sound scenario: members, groups, profiles and events, each checked where it stands.

use super::{
    Event, Load, MEMBERS_MAX, Member, Role, Scenario, ScenarioError, Series, clock,
    document::{
        BlockText, Document, EventKind, EventText, GroupText, MemberText, NeedText, Number,
        OfferText, RoleText, SeriesAt, TieText,
    },
    reader::{Field, Reader},
    supply::{Plant, PlantCost, Supply, Tie},
    terms::{self, MICRO, MONEY_MAX},
};
use crate::{
    MemberId, Money, OwnerId, TimeS,
    need::TIERS_MAX,
    offer::{BLOCKS_MAX, LINEAR_MAX, POWER_MAX, PRICE_MAX, QUADRATIC_MAX},
};
use std::{collections::BTreeMap, ops::Range};
use toml::Spanned;

/// Pico-currency per Wh in one currency per kWh, as a power of ten.
const LINEAR_POWER: i32 = 9;
/// Pico-currency per W²h in one currency per kW²h, as a power of ten.
const QUADRATIC_POWER: i32 = 6;
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
    let demo = terms::demo(&mut reader, document.demo.as_ref(), &horizon)?;
    for (name, profile) in &document.profiles {
        reader.add_profile(name, profile)?;
    }
    let members = Roll::default().call(&mut reader, &document)?;
    let events = document
        .events
        .iter()
        .map(|event| resolve_event(&reader, event, &members.list, horizon.start))
        .collect::<Result<_, _>>()?;
    let scenario = Scenario {
        name: document.name.get_ref().clone(),
        description: document.description,
        horizon,
        market,
        trust,
        thresholds,
        demo,
        members: members.list,
        events,
        roundings: reader.roundings.clone(),
    };
    check_offers_and_needs(&reader, &scenario, &members.spans)?;
    Ok(scenario)
}

/// Runs the ledger's own rules over every interval, so that nothing derived from the scenario fails later.
fn check_offers_and_needs(
    reader: &Reader<'_>,
    scenario: &Scenario,
    spans: &[Range<usize>],
) -> Result<(), ScenarioError> {
    for ((id, member), span) in scenario.members().zip(spans) {
        for interval in 0..scenario.horizon.intervals {
            let refuse = |message: String| {
                reader.refuse(
                    span.clone(),
                    format!("`{}`, interval {interval}: {message}", member.name),
                )
            };
            if let Some(supply) = &member.supply {
                supply.offer(interval).check().map_err(|error| refuse(error.to_string()))?;
            }
            if let Some(need) = scenario.need(id, interval) {
                need.check().map_err(|error| refuse(error.to_string()))?;
            }
        }
    }
    Ok(())
}

/// Members so far, with the place each came from and the owners seen.
#[derive(Default)]
struct Roll {
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
            need,
        } = text.get_ref();
        let supply = match (offer, tie) {
            (Some(offer), None) => Some(Supply::Plant(resolve_offer(reader, offer)?)),
            (None, Some(tie)) => Some(Supply::Tie(resolve_tie(reader, tie)?)),
            (None, None) => None,
            (Some(_), Some(tie)) => {
                return Err(
                    reader.refuse(tie.span(), "a member has an `offer` or a `tie`, not both")
                );
            }
        };
        let load = need.as_ref().map(|need| resolve_need(reader, need)).transpose()?;
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
        loads.push(Some(Load { firm, tiers: Vec::new() }));
    }
    Ok(loads)
}

fn resolve_offer(
    reader: &mut Reader<'_>,
    text: &Spanned<OfferText>,
) -> Result<Plant, ScenarioError> {
    let offer = text.get_ref();
    let power_min = optional_power(
        reader,
        text.span(),
        ("power_min_w", offer.power_min_w.as_ref()),
        ("power_min_kw", offer.power_min_kw.as_ref()),
        -POWER_MAX.0..=POWER_MAX.0,
    )?;
    let power_max = required_power(
        reader,
        text.span(),
        ("power_max_w", offer.power_max_w.as_ref()),
        ("power_max_kw", offer.power_max_kw.as_ref()),
    )?;
    let cost = resolve_cost(reader, text)?;
    if let PlantCost::Blocks(blocks) = &cost {
        let width = blocks.iter().fold(0i64, |sum, (power, _)| sum.saturating_add(*power));
        let range =
            power_max.0.iter().chain(&power_min.0).fold(0i64, |most, power| most.max(power.abs()));
        if power_min.0.iter().any(|power| *power != 0) || width < range {
            let message = format!(
                "`blocks` are {width} W wide and start at 0 W; they must reach `power_max_w`"
            );
            return Err(reader.refuse(text.span(), message));
        }
    }
    Ok(Plant { power_min, power_max, cost })
}

fn resolve_cost(
    reader: &mut Reader<'_>,
    text: &Spanned<OfferText>,
) -> Result<PlantCost, ScenarioError> {
    let offer = text.get_ref();
    match (&offer.price_per_kwh, &offer.blocks, &offer.quadratic_per_kw2h, &offer.linear_per_kwh) {
        (Some(price), None, None, None) => {
            Ok(PlantCost::Flat(reader.series(price_field("price_per_kwh"), price)?))
        }
        (None, Some(blocks), None, None) => resolve_blocks(reader, text.span(), blocks),
        (None, None, Some(quadratic), Some(linear)) => {
            let a = Field::new("quadratic_per_kw2h", QUADRATIC_POWER, 0..=QUADRATIC_MAX);
            let b = Field::new("linear_per_kwh", LINEAR_POWER, -LINEAR_MAX..=LINEAR_MAX);
            let (quadratic, linear) = (reader.series(a, quadratic)?, reader.series(b, linear)?);
            Ok(PlantCost::Quadratic { quadratic, linear })
        }
        _ => Err(reader.refuse(text.span(), "an offer needs one cost").help(
            "give `price_per_kwh`, or `blocks`, or both `quadratic_per_kw2h` and `linear_per_kwh`",
        )),
    }
}

fn resolve_blocks(
    reader: &mut Reader<'_>,
    span: Range<usize>,
    texts: &[BlockText],
) -> Result<PlantCost, ScenarioError> {
    if texts.len() > BLOCKS_MAX {
        return Err(reader.refuse(span, format!("an offer has at most {BLOCKS_MAX} blocks")));
    }
    let mut blocks = Vec::with_capacity(texts.len());
    for text in texts {
        let (key, power, number) = reader.either(
            span.clone(),
            ("power_w", text.power_w.as_ref()),
            ("power_kw", text.power_kw.as_ref()),
        )?;
        let width = reader.number(Field::new(key, power, 1..=POWER_MAX.0), number)?;
        blocks.push((width, reader.series(price_field("price_per_kwh"), &text.price_per_kwh)?));
    }
    Ok(PlantCost::Blocks(blocks))
}

fn resolve_tie(reader: &mut Reader<'_>, text: &Spanned<TieText>) -> Result<Tie, ScenarioError> {
    let tie = text.get_ref();
    let import_max = required_power(
        reader,
        text.span(),
        ("import_max_w", tie.import_max_w.as_ref()),
        ("import_max_kw", tie.import_max_kw.as_ref()),
    )?;
    let import_price =
        reader.series(price_field("import_price_per_kwh"), &tie.import_price_per_kwh)?;
    let export_max = optional_power(
        reader,
        text.span(),
        ("export_max_w", tie.export_max_w.as_ref()),
        ("export_max_kw", tie.export_max_kw.as_ref()),
        0..=POWER_MAX.0,
    )?;
    let export_price = match &tie.export_price_per_kwh {
        Some(price) => reader.series(price_field("export_price_per_kwh"), price)?,
        None if export_max == Series(vec![0]) => Series(vec![0]),
        None => {
            return Err(
                reader.refuse(text.span(), "a tie that exports needs `export_price_per_kwh`")
            );
        }
    };
    // Without export any import price will do, a negative one too.
    let intervals =
        u32::try_from(import_price.0.len().max(export_price.0.len())).unwrap_or(u32::MAX);
    let wash = |interval: &u32| export_price.at(*interval) > import_price.at(*interval);
    if export_max != Series(vec![0])
        && let Some(interval) = (0..intervals).find(wash)
    {
        let message = format!(
            "interval {interval}: feed-in is paid above the tariff, which invites wash trades"
        );
        return Err(reader.refuse(text.span(), message));
    }
    Ok(Tie { import_max, import_price, export_max, export_price })
}

fn resolve_need(reader: &mut Reader<'_>, text: &Spanned<NeedText>) -> Result<Load, ScenarioError> {
    let need = text.get_ref();
    let range = 0..=POWER_MAX.0;
    let firm = optional_power(
        reader,
        text.span(),
        ("firm_w", need.firm_w.as_ref()),
        ("firm_kw", need.firm_kw.as_ref()),
        range,
    )?;
    if need.tiers.len() > TIERS_MAX {
        return Err(
            reader.refuse(text.span(), format!("a need has at most {TIERS_MAX} sheddable tiers"))
        );
    }
    let mut tiers = Vec::with_capacity(need.tiers.len());
    for tier in &need.tiers {
        let power = required_power(
            reader,
            text.span(),
            ("power_w", tier.power_w.as_ref()),
            ("power_kw", tier.power_kw.as_ref()),
        )?;
        let value = Field::new("value_per_kwh", MICRO, 0..=PRICE_MAX.0);
        tiers.push((power, reader.series(value, &tier.value_per_kwh)?));
    }
    Ok(Load { firm, tiers })
}

fn required_power(
    reader: &mut Reader<'_>,
    span: Range<usize>,
    watts: (&'static str, Option<&SeriesAt>),
    kilowatts: (&'static str, Option<&SeriesAt>),
) -> Result<Series, ScenarioError> {
    let (key, power, series) = reader.either(span, watts, kilowatts)?;
    reader.series(Field::new(key, power, 0..=POWER_MAX.0), series)
}

fn optional_power(
    reader: &mut Reader<'_>,
    span: Range<usize>,
    watts: (&'static str, Option<&SeriesAt>),
    kilowatts: (&'static str, Option<&SeriesAt>),
    range: std::ops::RangeInclusive<i64>,
) -> Result<Series, ScenarioError> {
    if watts.1.is_none() && kilowatts.1.is_none() {
        return Ok(Series(vec![0]));
    }
    let (key, power, series) = reader.either(span, watts, kilowatts)?;
    reader.series(Field::new(key, power, range), series)
}

const fn price_field(key: &str) -> Field<'_> {
    Field::new(key, MICRO, -PRICE_MAX.0..=PRICE_MAX.0)
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
    reader: &Reader<'_>,
    text: &EventText,
    members: &[Member],
    start: TimeS,
) -> Result<Event, ScenarioError> {
    let EventText { kind: EventKind::Outage, member, at, until } = text;
    let position = members.iter().position(|other| other.name == *member.get_ref());
    let id = position.and_then(|position| u16::try_from(position).ok()).map(MemberId).ok_or_else(
        || reader.refuse(member.span(), format!("no member is called `{}`", member.get_ref())),
    )?;
    if members.get(usize::from(id.0)).is_none_or(|member| member.supply.is_none()) {
        return Err(reader.refuse(
            member.span(),
            format!("`{}` has no resource that could fail", member.get_ref()),
        ));
    }
    let time = |text: &Spanned<String>| {
        clock::instant_or_time(text.get_ref(), start.0)
            .map(TimeS)
            .ok_or_else(|| terms::not_a_time(reader, text))
    };
    let from = time(at)?;
    let until =
        until.as_ref().map(|until| time(until).map(|time| (time, until.span()))).transpose()?;
    if let Some((end, span)) = &until
        && *end <= from
    {
        return Err(reader.refuse(span.clone(), "an event ends after it begins"));
    }
    Ok(Event { member: id, from, until: until.map(|(time, _)| time) })
}
