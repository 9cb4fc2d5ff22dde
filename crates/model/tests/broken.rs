//! The model catches every broken variant of the protocol: otherwise its silence would mean nothing.

use model::{
    Broken, BrokenHandover, BrokenRecovery, BrokenRelay, BrokenStop, BrokenWitness, catch, catch_handover,
    catch_recovery, catch_relay, catch_stop, catch_witness,
};

/// One test for each broken variant: in each setup that exposes it, a run violates one of the expected properties.
macro_rules! caught {
    ($($test:ident: $broken:ident;)*) => {
        $(#[test]
        fn $test() {
            for (setup, breaks) in Broken::$broken.shows() {
                let caught = catch(Broken::$broken, *setup, breaks).unwrap_or_else(|why| panic!("{}: {why}", setup.name));
                assert!(breaks.contains(&caught.property), "{caught:?}");
                assert!(!caught.run.is_empty(), "no run that shows it");
            }
        })*

        #[test]
        fn no_variant_is_left_out() {
            assert_eq!(Broken::ALL, [$(Broken::$broken),*]);
        }
    };
}

#[test]
fn broken_relays_are_caught() {
    for broken in BrokenRelay::ALL {
        let (_, breaks) = broken.shows();
        let caught = catch_relay(broken).unwrap_or_else(|why| panic!("{broken}: {why}"));
        assert!(breaks.contains(&caught.property) && !caught.run.is_empty(), "{caught:?}");
    }
}

#[test]
fn mistakes_about_stops_are_caught() {
    for broken in BrokenStop::ALL {
        let (_, breaks) = broken.shows();
        let caught = catch_stop(broken).unwrap_or_else(|why| panic!("{broken}: {why}"));
        assert!(breaks.contains(&caught.property) && !caught.run.is_empty(), "{caught:?}");
    }
}

#[test]
fn mistakes_about_recoveries_are_caught() {
    for broken in BrokenRecovery::ALL {
        let (_, breaks) = broken.shows();
        let caught = catch_recovery(broken).unwrap_or_else(|why| panic!("{broken}: {why}"));
        assert!(breaks.contains(&caught.property) && !caught.run.is_empty(), "{caught:?}");
    }
}

#[test]
fn mistakes_about_handovers_are_caught() {
    for broken in BrokenHandover::ALL {
        let (_, breaks) = broken.shows();
        let caught = catch_handover(broken).unwrap_or_else(|why| panic!("{broken}: {why}"));
        assert!(breaks.contains(&caught.property) && !caught.run.is_empty(), "{caught:?}");
    }
}

#[test]
fn mistakes_of_the_witness_are_caught() {
    for broken in BrokenWitness::ALL {
        let (_, breaks) = broken.shows();
        let caught = catch_witness(broken).unwrap_or_else(|why| panic!("{broken}: {why}"));
        assert!(breaks.contains(&caught.property) && !caught.run.is_empty(), "{caught:?}");
    }
}

caught! {
    a_release_before_the_commit_is_caught: ReleaseBeforeCommit;
    a_repeated_block_that_is_signed_again_is_caught: BlockRepeatSignedAgain;
    a_cached_mark_that_is_trusted_is_caught: CachedMarkTrusted;
    an_unconditional_write_is_caught: UnconditionalWrite;
    a_read_instead_of_a_comparison_is_caught: ReadInsteadOfCompare;
    an_ambiguous_write_that_is_retried_blindly_is_caught: BlindRetry;
    a_mark_for_each_content_tag_is_caught: MarkPerContentTag;
    a_container_that_is_not_compared_is_caught: ContainerNotCompared;
    a_key_that_is_not_bound_is_caught: KeyNotBound;
    a_loss_that_is_not_noticed_is_caught: LossNotNoticed;
}
