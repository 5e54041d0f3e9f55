//! Canonical bytes: one value, one encoding.
//!
//! Integers are fixed-width big-endian, lists carry a bounded length. [`codec_struct!`](crate::codec_struct)
//! writes the three impls of a plain struct field by field, so that no encoding is written twice by hand.

/// Implements `Write`, `Read` and `EncodeSize` for a struct whose fields all read without configuration.
///
/// Fields are encoded in the order given. Name every field: the compiler refuses a missing one on reading.
#[macro_export]
macro_rules! codec_struct {
    ($name:ident { $($field:ident),* $(,)? }) => {
        impl ::commonware_codec::Write for $name {
            fn write(&self, buf: &mut impl ::bytes::BufMut) {
                $(::commonware_codec::Write::write(&self.$field, buf);)*
            }
        }
        impl ::commonware_codec::EncodeSize for $name {
            fn encode_size(&self) -> usize {
                0usize $(.saturating_add(::commonware_codec::EncodeSize::encode_size(&self.$field)))*
            }
        }
        impl ::commonware_codec::Read for $name {
            type Cfg = ();
            fn read_cfg(
                buf: &mut impl ::commonware_codec::Buf,
                (): &(),
            ) -> ::core::result::Result<Self, ::commonware_codec::Error> {
                $(let $field = ::commonware_codec::Read::read_cfg(buf, &())?;)*
                Ok(Self { $($field),* })
            }
        }
    };
}

/// Implements the codec traits for a one-field tuple struct over a type with a fixed-size encoding.
#[macro_export]
macro_rules! codec_newtype {
    ($name:ident, $inner:ty) => {
        impl ::commonware_codec::Write for $name {
            fn write(&self, buf: &mut impl ::bytes::BufMut) {
                ::commonware_codec::Write::write(&self.0, buf);
            }
        }
        impl ::commonware_codec::FixedSize for $name {
            const SIZE: usize = <$inner as ::commonware_codec::FixedSize>::SIZE;
        }
        impl ::commonware_codec::Read for $name {
            type Cfg = ();
            fn read_cfg(
                buf: &mut impl ::commonware_codec::Buf,
                (): &(),
            ) -> ::core::result::Result<Self, ::commonware_codec::Error> {
                Ok(Self(<$inner as ::commonware_codec::Read>::read_cfg(buf, &())?))
            }
        }
    };
}

/// Implements the codec traits for an enum: one tag byte, then the variant's fields in the order given.
/// Unknown tags are refused. A variant without fields is written `Name = 1 {}`.
#[macro_export]
macro_rules! codec_union {
    ($name:ident { $($variant:ident = $tag:literal { $($field:ident),* $(,)? }),* $(,)? }) => {
        impl ::commonware_codec::Write for $name {
            fn write(&self, buf: &mut impl ::bytes::BufMut) {
                match self {
                    $(Self::$variant { $($field),* } => {
                        let tag: u8 = $tag;
                        ::commonware_codec::Write::write(&tag, buf);
                        $(::commonware_codec::Write::write($field, buf);)*
                    })*
                }
            }
        }
        impl ::commonware_codec::EncodeSize for $name {
            fn encode_size(&self) -> usize {
                match self {
                    $(Self::$variant { $($field),* } => {
                        1usize $(.saturating_add(::commonware_codec::EncodeSize::encode_size($field)))*
                    })*
                }
            }
        }
        impl ::commonware_codec::Read for $name {
            type Cfg = ();
            fn read_cfg(
                buf: &mut impl ::commonware_codec::Buf,
                (): &(),
            ) -> ::core::result::Result<Self, ::commonware_codec::Error> {
                match <u8 as ::commonware_codec::Read>::read_cfg(buf, &())? {
                    $($tag => {
                        $(let $field = ::commonware_codec::Read::read_cfg(buf, &())?;)*
                        Ok(Self::$variant { $($field),* })
                    })*
                    other => Err(::commonware_codec::Error::InvalidEnum(other)),
                }
            }
        }
    };
}

/// Implements the codec traits for a field-less enum encoded as one byte; unknown bytes are refused.
#[macro_export]
macro_rules! codec_enum {
    ($name:ident { $($variant:ident = $tag:literal),* $(,)? }) => {
        impl ::commonware_codec::Write for $name {
            fn write(&self, buf: &mut impl ::bytes::BufMut) {
                let tag: u8 = match self { $(Self::$variant => $tag),* };
                ::commonware_codec::Write::write(&tag, buf);
            }
        }
        impl ::commonware_codec::FixedSize for $name {
            const SIZE: usize = 1;
        }
        impl ::commonware_codec::Read for $name {
            type Cfg = ();
            fn read_cfg(
                buf: &mut impl ::commonware_codec::Buf,
                (): &(),
            ) -> ::core::result::Result<Self, ::commonware_codec::Error> {
                match <u8 as ::commonware_codec::Read>::read_cfg(buf, &())? {
                    $($tag => Ok(Self::$variant),)*
                    other => Err(::commonware_codec::Error::InvalidEnum(other)),
                }
            }
        }
    };
}

/// A list of at most `MAX` items, its length a fixed big-endian `u16`.
///
/// The bound is part of the type, so a decoder cannot forget it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bounded<T, const MAX: usize>(Vec<T>);

impl<T, const MAX: usize> Default for Bounded<T, MAX> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T, const MAX: usize> Bounded<T, MAX> {
    /// The most items such a list holds.
    pub const MAX: usize = MAX;

    /// Wraps a list, or gives it back when it is too long.
    ///
    /// # Errors
    /// The list itself, when it holds more than `MAX` items.
    pub fn new(items: Vec<T>) -> Result<Self, Vec<T>> {
        if items.len() > MAX || items.len() > usize::from(u16::MAX) {
            Err(items)
        } else {
            Ok(Self(items))
        }
    }

    /// The items, as an owned list.
    #[must_use]
    pub fn into_inner(self) -> Vec<T> {
        self.0
    }
}

impl<T, const MAX: usize> core::ops::Deref for Bounded<T, MAX> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<'a, T, const MAX: usize> IntoIterator for &'a Bounded<T, MAX> {
    type Item = &'a T;
    type IntoIter = core::slice::Iter<'a, T>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<T: commonware_codec::Write, const MAX: usize> commonware_codec::Write for Bounded<T, MAX> {
    fn write(&self, buf: &mut impl bytes::BufMut) {
        let len =
            u16::try_from(self.0.len()).expect("the constructor bounds the length by u16::MAX");
        len.write(buf);
        for item in &self.0 {
            item.write(buf);
        }
    }
}

impl<T: commonware_codec::EncodeSize, const MAX: usize> commonware_codec::EncodeSize
    for Bounded<T, MAX>
{
    fn encode_size(&self) -> usize {
        self.0.iter().fold(2usize, |size, item| size.saturating_add(item.encode_size()))
    }
}

impl<T: commonware_codec::Read<Cfg = ()>, const MAX: usize> commonware_codec::Read
    for Bounded<T, MAX>
{
    type Cfg = ();
    fn read_cfg(
        buf: &mut impl commonware_codec::Buf,
        (): &(),
    ) -> Result<Self, commonware_codec::Error> {
        let len = usize::from(u16::read_cfg(buf, &())?);
        if len > MAX {
            return Err(commonware_codec::Error::InvalidLength(len));
        }
        let items = (0..len).map(|_| T::read_cfg(buf, &())).collect::<Result<Vec<T>, _>>()?;
        Ok(Self(items))
    }
}

/// Text of at most `MAX` bytes of UTF-8, its length one byte.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Label<const MAX: usize>(String);

impl<const MAX: usize> Label<MAX> {
    /// Wraps a text.
    ///
    /// # Errors
    /// The text itself, when it is longer than `MAX` bytes (or 255).
    pub fn new(text: impl Into<String>) -> Result<Self, String> {
        let text = text.into();
        if text.len() > MAX || text.len() > usize::from(u8::MAX) {
            Err(text)
        } else {
            Ok(Self(text))
        }
    }
}

impl<const MAX: usize> core::ops::Deref for Label<MAX> {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize> core::fmt::Display for Label<MAX> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&self.0)
    }
}

impl<const MAX: usize> commonware_codec::Write for Label<MAX> {
    fn write(&self, buf: &mut impl bytes::BufMut) {
        let len = u8::try_from(self.0.len()).expect("the constructor bounds the length by u8::MAX");
        len.write(buf);
        buf.put_slice(self.0.as_bytes());
    }
}

impl<const MAX: usize> commonware_codec::EncodeSize for Label<MAX> {
    fn encode_size(&self) -> usize {
        self.0.len().saturating_add(1)
    }
}

impl<const MAX: usize> commonware_codec::Read for Label<MAX> {
    type Cfg = ();
    fn read_cfg(
        buf: &mut impl commonware_codec::Buf,
        (): &(),
    ) -> Result<Self, commonware_codec::Error> {
        let len = usize::from(u8::read_cfg(buf, &())?);
        if len > MAX {
            return Err(commonware_codec::Error::InvalidLength(len));
        }
        let bytes = (0..len).map(|_| u8::read_cfg(buf, &())).collect::<Result<Vec<u8>, _>>()?;
        String::from_utf8(bytes)
            .map(Self)
            .map_err(|_| commonware_codec::Error::Invalid("Label", "text is not UTF-8"))
    }
}

/// At most `MAX` bytes, their length a fixed big-endian `u32`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Blob<const MAX: usize>(bytes::Bytes);

impl<const MAX: usize> Blob<MAX> {
    /// Wraps bytes.
    ///
    /// # Errors
    /// The bytes themselves, when there are more than `MAX`.
    pub fn new(bytes: impl Into<bytes::Bytes>) -> Result<Self, bytes::Bytes> {
        let bytes = bytes.into();
        if bytes.len() > MAX || u32::try_from(bytes.len()).is_err() {
            Err(bytes)
        } else {
            Ok(Self(bytes))
        }
    }
}

impl<const MAX: usize> core::ops::Deref for Blob<MAX> {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl<const MAX: usize> commonware_codec::Write for Blob<MAX> {
    fn write(&self, buf: &mut impl bytes::BufMut) {
        u32::try_from(self.0.len()).expect("the constructor bounds the length").write(buf);
        buf.put_slice(&self.0);
    }
}

impl<const MAX: usize> commonware_codec::EncodeSize for Blob<MAX> {
    fn encode_size(&self) -> usize {
        self.0.len().saturating_add(4)
    }
}

impl<const MAX: usize> commonware_codec::Read for Blob<MAX> {
    type Cfg = ();
    fn read_cfg(
        buf: &mut impl commonware_codec::Buf,
        (): &(),
    ) -> Result<Self, commonware_codec::Error> {
        use bytes::Buf as _;
        let length = usize::try_from(u32::read_cfg(buf, &())?).unwrap_or(usize::MAX);
        if length > MAX {
            return Err(commonware_codec::Error::InvalidLength(length));
        }
        if buf.remaining() < length {
            return Err(commonware_codec::Error::EndOfBuffer);
        }
        Ok(Self(buf.copy_to_bytes(length)))
    }
}
