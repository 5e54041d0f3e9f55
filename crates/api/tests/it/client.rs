//! The typed client against the real server.

use super::{common::*, ledger::*};
use futures::StreamExt as _;
use gridaccord_api::{
    Client, Config, Port as _,
    client::ClientError,
    view::{command::SubmittedStatus, event::Topic},
};
use gridaccord_ledger::Event;
use gridaccord_model::{MemberId, TimeS};
use std::time::Duration;

const WAIT: Option<Duration> = Some(Duration::from_secs(10));

#[tokio::test]
async fn reads_and_submits() {
    let world = World::start().await;
    let client = world.client();
    assert_eq!(client.genesis().await.unwrap(), world.node.genesis);
    world.node.at(START - 290).block(vec![]);
    let signed = world.node.sign(SOLAR, offer(1_000, 50_000));
    let submitted = client.submit(&signed, WAIT).await.unwrap();
    assert_eq!((submitted.status, submitted.height), (SubmittedStatus::Accepted, Some(3)));
    assert_eq!(client.status().await.unwrap().height, 3);
    assert_eq!(client.member("solar").await.unwrap().nonce, 1);
    assert_eq!(client.gate(0).await.unwrap().participants.len(), 1);
    assert_eq!(client.block(3).await.unwrap().commands.len(), 1);
    let proof = client.proof("account/solar").await.unwrap();
    assert_eq!(proof.decoded.unwrap()["stake_tokens"], 10_000);
}

#[tokio::test]
async fn errors_keep_status_code_and_rule() {
    let world = World::start().await;
    let client = world.client();
    let signed = world.node.sign(SOLAR, offer(1_000, 50_000));
    let error = client.submit(&signed, WAIT).await.unwrap_err();
    assert_eq!(error.rule(), Some("C5"));
    assert_eq!(error.to_string(), "gate g0 is not live");
    assert!(!error.is_passing());
    let error = client.member("so lar/ö").await.unwrap_err();
    assert!(error.to_string().contains("so lar/ö"), "{error}");
    let ClientError::Refused { status, detail } = error else { panic!("{error}") };
    assert_eq!((status.as_u16(), detail.code.as_str()), (404, "not_found"));
}

#[tokio::test]
async fn addresses_that_lead_nowhere() {
    for address in
        ["", "127.0.0.1", "https://node:1", "http://", "http://node/path", "http://node?x"]
    {
        assert!(matches!(Client::new(address), Err(ClientError::Address(_))), "{address}");
    }
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let free = listener.local_addr().unwrap();
    drop(listener);
    let error = Client::new(&format!("http://{free}")).unwrap().status().await.unwrap_err();
    assert!(error.is_passing());
    assert!(error.to_string().contains("is it running"), "{error}");
}

#[tokio::test]
async fn events_are_the_ledgers() {
    let world = World::start().await;
    let mut events = world.client().events(&[Topic::Gate, Topic::Bill], Some("tenant")).after(1);
    world.node.fill_gate();
    world.node.settle_gate();
    let mut billed = Vec::new();
    let mut height = 1;
    while height < world.node.status().height {
        let block = events.next().await.unwrap();
        assert_eq!((block.height, block.missed), (height + 1, 0));
        height = block.height;
        if height == 2 {
            assert_eq!(block.ledger_time, TimeS(START - 290));
            assert!(matches!(block.events[..], [Event::Opened { .. }]));
        }
        billed.extend(block.events.into_iter().filter_map(|event| match event {
            Event::Billed { member, line, .. } => Some((member, line.energy.wh_floor())),
            _ => None,
        }));
    }
    assert_eq!(billed, [(MemberId(TENANT), -12_500)]);
}

#[tokio::test]
async fn a_stream_outlives_its_server() {
    let world = World::start().await;
    let address = world.address;
    let mut events = Box::pin(world.client().events(&[], None).after(1).into_stream());
    world.node.block(vec![]);
    assert_eq!(events.next().await.unwrap().unwrap().height, 2);
    let node = world.stop().await;
    node.block(vec![]);
    node.block(vec![]);
    let world = World::with(node, Config { address, ..config() }).await;
    for height in 3..=4 {
        let block = events.next().await.unwrap().unwrap();
        assert_eq!((block.height, block.missed), (height, 0));
    }
    let node = world.stop().await;
    for _ in 0..2 {
        node.block(vec![]);
    }
    node.forget(5);
    let world = World::with(node, Config { address, ..config() }).await;
    let block = events.next().await.unwrap().unwrap();
    assert_eq!((block.height, block.missed), (6, 1));
    world.stop().await;
}

#[tokio::test]
async fn a_filter_that_is_refused_ends_the_stream() {
    let world = World::start().await;
    let mut events = Box::pin(world.client().events(&[], Some("wind")).into_stream());
    let error = events.next().await.unwrap().unwrap_err();
    assert!(error.to_string().contains("wind"), "{error}");
    assert!(events.next().await.is_none());
}
