//! Which requests are recorded: the samplers of OpenTelemetry.

use opentelemetry_sdk::trace::Sampler as SdkSampler;
use std::str::FromStr;
use thiserror::Error;

/// A sampler, by its name in OpenTelemetry's settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sampler {
    /// All requests.
    AlwaysOn,
    /// No requests.
    AlwaysOff,
    /// A share of the requests, by their trace.
    TraceIdRatio,
    /// As the client decided, and all requests without `traceparent`.
    #[default]
    ParentBasedAlwaysOn,
    /// As the client decided, and no requests without `traceparent`.
    ParentBasedAlwaysOff,
    /// As the client decided, and a share of the requests without `traceparent`.
    ParentBasedTraceIdRatio,
}

impl FromStr for Sampler {
    type Err = UnknownSampler;

    fn from_str(text: &str) -> Result<Self, UnknownSampler> {
        match text {
            "always_on" => Ok(Self::AlwaysOn),
            "always_off" => Ok(Self::AlwaysOff),
            "traceidratio" => Ok(Self::TraceIdRatio),
            "parentbased_always_on" => Ok(Self::ParentBasedAlwaysOn),
            "parentbased_always_off" => Ok(Self::ParentBasedAlwaysOff),
            "parentbased_traceidratio" => Ok(Self::ParentBasedTraceIdRatio),
            _ => Err(UnknownSampler),
        }
    }
}

/// A text that is not a [`Sampler`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("expected the name of a sampler")]
pub struct UnknownSampler;

/// A share of all requests, from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ratio(f64);

impl Default for Ratio {
    fn default() -> Self {
        Self(1.0)
    }
}

impl FromStr for Ratio {
    type Err = InvalidRatio;

    fn from_str(text: &str) -> Result<Self, InvalidRatio> {
        let ratio = text.parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio));
        ratio.map(Self).ok_or(InvalidRatio)
    }
}

/// A text that is not a [`Ratio`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("expected a number from 0 to 1")]
pub struct InvalidRatio;

/// A sampler and its argument.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Sampling {
    /// `OTEL_TRACES_SAMPLER`.
    pub sampler: Sampler,
    /// `OTEL_TRACES_SAMPLER_ARG`, which only some samplers use.
    pub ratio: Ratio,
}

impl Sampling {
    pub(super) fn sampler(self) -> SdkSampler {
        let by_parent = |root| SdkSampler::ParentBased(Box::new(root));
        let Ratio(ratio) = self.ratio;
        match self.sampler {
            Sampler::AlwaysOn => SdkSampler::AlwaysOn,
            Sampler::AlwaysOff => SdkSampler::AlwaysOff,
            Sampler::TraceIdRatio => SdkSampler::TraceIdRatioBased(ratio),
            Sampler::ParentBasedAlwaysOn => by_parent(SdkSampler::AlwaysOn),
            Sampler::ParentBasedAlwaysOff => by_parent(SdkSampler::AlwaysOff),
            Sampler::ParentBasedTraceIdRatio => by_parent(SdkSampler::TraceIdRatioBased(ratio)),
        }
    }
}
