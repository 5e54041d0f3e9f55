//! Requests per address: a token bucket each, for a bounded number of addresses.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::Instant,
};

/// Addresses remembered. The one seen longest ago makes room: by then its bucket is the fullest.
const ADDRESSES_MAX: usize = 4_096;

/// Requests are counted in millionths: one request a second is one of them a microsecond, so nothing rounds.
const MICRO: u64 = 1_000_000;

#[derive(Clone, Copy, Debug)]
struct Bucket {
    level_micro: u64,
    seen: Instant,
}

/// Buckets of all addresses.
#[derive(Debug)]
pub(crate) struct Limiter {
    per_s: u64,
    burst_micro: u64,
    buckets: Mutex<BTreeMap<IpAddr, Bucket>>,
}

impl Limiter {
    pub(crate) fn new(per_s: u32, burst: u32) -> Self {
        Self {
            per_s: u64::from(per_s),
            burst_micro: u64::from(burst.max(1)) * MICRO,
            buckets: Mutex::default(),
        }
    }

    /// Takes a token of an address, or says that it has none.
    pub(crate) fn allows(&self, address: IpAddr, now: Instant) -> bool {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let address = network(address);
        if !buckets.contains_key(&address) && buckets.len() >= ADDRESSES_MAX {
            let oldest = buckets.iter().min_by_key(|(_, bucket)| bucket.seen).map(|(key, _)| *key);
            oldest.map(|key| buckets.remove(&key));
        }
        let bucket =
            buckets.entry(address).or_insert(Bucket { level_micro: self.burst_micro, seen: now });
        let elapsed = now.saturating_duration_since(bucket.seen).as_micros();
        let refill = u64::try_from(elapsed).unwrap_or(u64::MAX).saturating_mul(self.per_s);
        bucket.level_micro = bucket.level_micro.saturating_add(refill).min(self.burst_micro);
        bucket.seen = now;
        match bucket.level_micro.checked_sub(MICRO) {
            Some(level) => {
                bucket.level_micro = level;
                true
            }
            None => false,
        }
    }
}

/// What counts as one address: a host by IPv4, a network of /64 by IPv6, where a host has many.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) >> 64 << 64).into()),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn burst_then_rate() {
        let limiter = Limiter::new(2, 3);
        let start = Instant::now();
        let taken = (0..5).filter(|_| limiter.allows(HOME, start)).count();
        assert_eq!(taken, 3);
        assert!(!limiter.allows(HOME, start + Duration::from_millis(499)));
        assert!(limiter.allows(HOME, start + Duration::from_millis(1_000)));
        let other = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
        assert!(limiter.allows(other, start));
    }

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        let limiter = Limiter::new(0, 1);
        let now = Instant::now();
        assert!(limiter.allows("2001:db8::1".parse().unwrap(), now));
        assert!(!limiter.allows("2001:db8::2".parse().unwrap(), now));
        assert!(limiter.allows("2001:db8:0:1::1".parse().unwrap(), now));
        assert!(limiter.allows("::ffff:127.0.0.1".parse().unwrap(), now));
        assert!(!limiter.allows(HOME, now));
    }

    #[test]
    fn addresses_are_bounded() {
        let limiter = Limiter::new(1, 1);
        let now = Instant::now();
        for host in 0..10_000u32 {
            limiter.allows(IpAddr::V4(host.into()), now + Duration::from_micros(u64::from(host)));
        }
        assert_eq!(limiter.buckets.lock().unwrap().len(), ADDRESSES_MAX);
    }
}
