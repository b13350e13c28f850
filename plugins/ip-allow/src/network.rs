//! A network: an address with the number of bits that its members share (RFC 4632 section 3.1, RFC 4291 section 2.3).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use gatewit_plugin::config;

/// A network such as `10.0.0.0/8` or `2001:db8::/32`, or a single address.
#[config]
#[serde(try_from = "String")]
pub(crate) struct Network {
    address: IpAddr,
    prefix: u32,
}

impl Network {
    /// An IPv4 address that is written as an IPv6 one (`::ffff:10.0.0.1`) is the IPv4 address.
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => own == first_v4(other, self.prefix),
            (IpAddr::V6(own), IpAddr::V6(other)) => own == first_v6(other, self.prefix),
            _ => false,
        }
    }
}

impl TryFrom<String> for Network {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let not_one = || format!("`{text}` is not an address or a network, such as 192.0.2.1 or 10.0.0.0/8");
        let (address, prefix) = match text.split_once('/') {
            None => (text.as_str(), None),
            Some((address, prefix)) => (address, Some(prefix)),
        };
        let written: IpAddr = address.parse().map_err(|_| not_one())?;
        let whole = if written.is_ipv4() { 32 } else { 128 };
        let mut prefix = match prefix {
            None => whole,
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse().map_err(|_| not_one())?
            }
            Some(_) => return Err(not_one()),
        };
        if prefix > whole {
            return Err(format!("`{text}`: an address has only {whole} bits"));
        }
        // `::ffff:10.0.0.0/104` is 10.0.0.0/8; a shorter prefix also holds addresses that are no IPv4 ones.
        let mut address = written;
        if written.to_canonical().is_ipv4() && whole == 128 && prefix >= 96 {
            address = written.to_canonical();
            prefix -= 96;
        }
        let first = match address {
            IpAddr::V4(address) => IpAddr::V4(first_v4(address, prefix)),
            IpAddr::V6(address) => IpAddr::V6(first_v6(address, prefix)),
        };
        if first != address {
            return Err(format!(
                "`{text}` is an address within a network: {first}/{prefix} is the network"
            ));
        }
        Ok(Self { address, prefix })
    }
}

fn first_v4(address: Ipv4Addr, prefix: u32) -> Ipv4Addr {
    let mask = u32::MAX.checked_shl(32 - prefix).unwrap_or(0);
    Ipv4Addr::from_bits(address.to_bits() & mask)
}

fn first_v6(address: Ipv6Addr, prefix: u32) -> Ipv6Addr {
    let mask = u128::MAX.checked_shl(128 - prefix).unwrap_or(0);
    Ipv6Addr::from_bits(address.to_bits() & mask)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_holds_what_begins_like_it() {
        for (network, inside, outside) in [
            ("10.0.0.0/8", "10.255.255.255", "11.0.0.0"),
            ("192.0.2.1", "192.0.2.1", "192.0.2.2"),
            ("192.0.2.0/31", "192.0.2.1", "192.0.2.2"),
            ("0.0.0.0/0", "255.1.2.3", "::1"),
            ("::/0", "2001:db8::1", "10.0.0.1"),
            ("2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::1"),
            ("::1", "::1", "::2"),
            ("::ffff:10.0.0.0/104", "10.1.2.3", "11.1.2.3"),
            ("10.0.0.0/8", "::ffff:10.1.2.3", "::ffff:11.1.2.3"),
        ] {
            let network = Network::try_from(network.to_owned()).unwrap();
            assert!(network.contains(inside.parse().unwrap()), "{network:?} {inside}");
            assert!(
                !network.contains(outside.parse().unwrap()),
                "{network:?} {outside}"
            );
        }
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in [
            "",
            "/",
            "10.0.0.0/",
            "10.0.0.0/33",
            "10.0.0.0/-1",
            "10.0.0.0/+8",
            "10.0.0.0/8/8",
            "10.0.0.1/8",
            "::/129",
            "2001:db8::1/32",
            "010.0.0.0/8",
            "10.0.0",
            "example.com",
            "10.0.0.0/99999999999",
            "::ffff:10.0.0.1/104",
        ] {
            assert!(Network::try_from(text.to_owned()).is_err(), "{text}");
        }
    }
}
