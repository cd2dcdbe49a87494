"""What every ledger must do for those who run cycles: runs, schedule, leases, rate-limit slots."""

from __future__ import annotations

import threading
from datetime import timedelta

from ledger_values import DAY, HOUR, NOW, Make

from duban.connectors.limits import Limit
from duban.sync.ledger import Due, Run


class RunningContract:
    def test_runs(self, make: Make) -> None:
        with make() as ledger:
            ledger.begin(Run("r1", NOW, NOW, "live", "abc"))
            ledger.begin(Run("r2", NOW, NOW + HOUR, "shadow", "abc"))
            ledger.end("r1", "complete", {"written": 3}, at=NOW + HOUR)
            two, one = ledger.runs()
            assert one == Run("r1", NOW, NOW, "live", "abc", NOW + HOUR, "complete", {"written": 3})
            assert (two.id, two.ended, two.result) == ("r2", None, None)
            ledger.begin(Run("r3", NOW, NOW + 91 * DAY, "live", "abc"))
            assert [run.id for run in ledger.runs()] == ["r3"]

    def test_the_schedule(self, make: Make) -> None:
        with make() as ledger:
            assert ledger.schedule() == {}
            ledger.set_schedule("rd", Due(NOW))
            ledger.set_schedule("rd", Due(NOW + HOUR, NOW, 2))
            assert ledger.schedule() == {"rd": Due(NOW + HOUR, NOW, 2)}

    def test_a_lease_has_one_holder(self, make: Make) -> None:
        with make() as ledger:
            mine = ledger.lease("rd", "me", ttl=HOUR, now=NOW)
            assert mine is not None
            assert (mine.epoch, mine.until) == (1, NOW + HOUR)
            assert ledger.lease("rd", "you", ttl=HOUR, now=NOW + HOUR - timedelta(microseconds=1)) is None
            assert ledger.lease("mk", "you", ttl=HOUR, now=NOW) is not None
            longer = ledger.renew(mine, ttl=HOUR, now=NOW + HOUR / 2)
            assert longer is not None
            assert longer.until == NOW + HOUR * 1.5
            yours = ledger.lease("rd", "you", ttl=HOUR, now=NOW + 2 * HOUR)
            assert yours is not None
            assert yours.epoch == 2
            assert ledger.renew(mine, ttl=HOUR, now=NOW + 2 * HOUR) is None
            ledger.release(mine, now=NOW + 2 * HOUR)
            assert ledger.renew(yours, ttl=HOUR, now=NOW + 2 * HOUR) is not None
            ledger.release(yours, now=NOW + 2 * HOUR)
            assert ledger.renew(yours, ttl=HOUR, now=NOW + 2 * HOUR) is None
            third = ledger.lease("rd", "me", ttl=HOUR, now=NOW + 2 * HOUR)
            assert third is not None
            assert third.epoch == 3

    def test_a_lapsed_lease_cannot_be_renewed(self, make: Make) -> None:
        with make() as ledger:
            mine = ledger.lease("rd", "me", ttl=HOUR, now=NOW)
            assert ledger.renew(mine, ttl=HOUR, now=NOW + HOUR) is None


class SlotContract:
    def test_as_many_as_the_limit_and_free_again_after_the_answer(self, make: Make) -> None:
        clock, limit = [1_721_786_400.125], Limit("base", 2, 1.0)
        with make() as ledger, ledger.slots(lambda: clock[0]) as slots, ledger.slots(lambda: clock[0]) as others:
            first, _ = slots.take(limit, 40)
            second, _ = others.take(limit, 30)
            assert {first, second} == {0, 1}
            assert slots.take(limit, 40) == (-1, 30.0)
            others.release(limit, second, 1.0)
            assert slots.take(limit, 40) == (-1, 1.0)
            clock[0] += 1.0
            assert slots.take(limit, 40)[0] == second
            clock[0] += 39.0
            assert others.take(limit, 40)[0] == first  # its holder never came back
            slots.release(limit, first, 0.0)  # and is too late now
            assert slots.take(limit, 40)[0] == -1

    def test_closing_the_slots_leaves_the_ledger_open(self, make: Make) -> None:
        with make() as ledger:
            ledger.set_schedule("rd", Due(NOW))
            with ledger.slots(lambda: 1000.0) as slots:
                slots.take(Limit("base", 1, 1.0), 10)
            assert ledger.schedule() == {"rd": Due(NOW)}

    def test_a_frozen_key_stays_frozen_through_a_release(self, make: Make) -> None:
        clock, limit = [1000.0], Limit("base", 2, 1.0)
        with make() as ledger, ledger.slots(lambda: clock[0]) as slots:
            slot, _ = slots.take(limit, 10)
            slots.freeze(limit, 30)
            slots.release(limit, slot, 1.0)
            assert slots.take(limit, 10) == (-1, 30.0)
            assert slots.take(Limit("other", 1, 1.0), 10)[0] == 0

    def test_a_clock_that_was_wrong_does_not_block_for_ever(self, make: Make) -> None:
        clock, limit = [1_000_000.0], Limit("base", 1, 1.0)
        with make() as ledger, ledger.slots(lambda: clock[0]) as slots:
            slots.take(limit, 40)
            clock[0] -= 3600
            assert slots.take(limit, 40)[0] == 0

    def test_of_many_threads_each_slot_goes_to_one(self, make: Make) -> None:
        limit, got = Limit("base", 5, 1.0), []
        with make() as ledger, ledger.slots(lambda: 1000.0) as slots:
            threads = [threading.Thread(target=lambda: got.append(slots.take(limit, 40)[0])) for _ in range(12)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert sorted(got) == [-1] * 7 + [0, 1, 2, 3, 4]
