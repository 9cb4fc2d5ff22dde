//! The chain as a witness: the shipped binary in front of nodes whose chain the test builds.

mod foreign;
mod instances;
mod legitimate;
mod migration;
mod nodes;
mod scene;
mod slashing;
mod stops;
