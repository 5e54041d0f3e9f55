//! The four passes over all packs, each one piece of code without calls, so that it is compiled for every width of
//! registers and the widest is taken at run time.

use super::{
    blocks::{Charges, Measured, Reaction, Sums, Work},
    border::{Border, Column},
    cell::{Reach, Taken, Target},
    scaled::Scaled,
};
use pulp::{Simd, WithSimd};

/// A piece of work that owns its arguments, to be compiled once for each width.
macro_rules! pass {
    ($name:ident { $($field:ident: $type:ty),+ } -> $output:ty, $this:ident => $body:expr) => {
        pub(super) struct $name<'a> {
            $(pub(super) $field: $type,)+
        }

        impl WithSimd for $name<'_> {
            type Output = $output;
            #[inline(always)]
            fn with_simd<S: Simd>(self, _: S) -> $output {
                let $this = self;
                $body
            }
        }
    };
}

pass!(Advance {
    scaled: &'a mut Scaled,
    charges: (&'a Charges, &'a Charges),
    taken: &'a Taken,
    sums: (&'a mut Sums, &'a mut Sums),
    reaction: &'a mut Reaction,
    work: &'a mut Work
} -> Measured, this => {
    this.scaled.advance(this.charges, this.taken, this.sums, this.reaction, this.work)
});

pass!(Predict {
    scaled: &'a mut Scaled,
    aim: &'a Charges,
    reach: &'a mut Reach,
    work: &'a mut Work
} -> (), this => this.scaled.predict(this.aim, this.reach, this.work));

pass!(Respond {
    scaled: &'a Scaled,
    now: &'a Charges,
    target: Target,
    change: &'a mut Sums,
    work: &'a mut Work
} -> (), this => this.scaled.respond(this.now, this.target, this.change, this.work));

pass!(Correct {
    scaled: &'a mut Scaled,
    aim: &'a Charges,
    target: Target,
    reach: &'a mut Reach,
    work: &'a mut Work
} -> (), this => this.scaled.correct(this.aim, this.target, this.reach, this.work));

pass!(Factor {
    reaction: &'a mut Reaction,
    diagonal: Vec<f64>,
    slack: Vec<f64>,
    columns: Vec<Column>,
    stiffness: Vec<f64>
} -> Border, this => {
    Border::new(this.reaction, this.diagonal, this.slack, this.columns, this.stiffness)
});

pass!(Solve {
    border: &'a Border,
    right: Column,
    rights: &'a [f64]
} -> (Column, Vec<f64>), this => this.border.solve(&this.right, this.rights));

impl Scaled {
    /// Takes a step, measures, factors and answers multipliers as they are.
    #[inline(always)]
    pub(super) fn advance(
        &mut self,
        (aim, now): (&Charges, &Charges),
        taken: &Taken,
        (sums, change): (&mut Sums, &mut Sums),
        reaction: &mut Reaction,
        work: &mut Work,
    ) -> Measured {
        let mut measured = Measured::default();
        for pack in &mut self.free {
            measured.add(pack.advance((aim, now), taken, (&mut *sums, &mut *change), reaction));
        }
        for pack in &mut self.shift {
            measured.add(pack.advance((aim, now), taken, (&mut *sums, &mut *change), reaction));
        }
        for pack in &mut self.ramped {
            measured.add(pack.advance(now, taken, (&mut *sums, &mut *change), reaction, work));
        }
        for pack in &mut self.stores {
            let sums = (&mut *sums, &mut *change);
            measured.add(pack.advance((aim, now), taken, sums, reaction, work));
        }
        measured
    }

    /// The predictor's steps at the multipliers aimed at.
    #[inline(always)]
    pub(super) fn predict(&mut self, aim: &Charges, reach: &mut Reach, work: &mut Work) {
        for pack in &mut self.free {
            pack.predict(aim, reach);
        }
        for pack in &mut self.shift {
            pack.predict(aim, reach);
        }
        for pack in &mut self.ramped {
            pack.predict(aim, reach, work);
        }
        for pack in &mut self.stores {
            pack.predict(aim, reach, work);
        }
    }

    /// The answer to a target at multipliers as they are.
    #[inline(always)]
    pub(super) fn respond(
        &self,
        now: &Charges,
        target: Target,
        change: &mut Sums,
        work: &mut Work,
    ) {
        for pack in &self.free {
            pack.respond(now, target, change);
        }
        for pack in &self.shift {
            pack.respond(now, target, change);
        }
        for pack in &self.ramped {
            pack.respond(now, target, change, work);
        }
        for pack in &self.stores {
            pack.respond(now, target, change, work);
        }
    }

    /// The corrected steps at the multipliers aimed at.
    #[inline(always)]
    pub(super) fn correct(
        &mut self,
        aim: &Charges,
        target: Target,
        reach: &mut Reach,
        work: &mut Work,
    ) {
        for pack in &self.free {
            pack.correct(aim, target, reach);
        }
        for pack in &self.shift {
            pack.correct(aim, target, reach);
        }
        for pack in &mut self.ramped {
            pack.correct(aim, target, reach, work);
        }
        for pack in &mut self.stores {
            pack.correct(aim, target, reach, work);
        }
    }
}
