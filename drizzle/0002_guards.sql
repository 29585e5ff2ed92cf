-- What must never happen to a journal: change, loss, truncation; and an entry that is not the next one.
CREATE FUNCTION sauda.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';
END $$;
--> statement-breakpoint
CREATE TRIGGER journal_is_append_only BEFORE UPDATE OR DELETE ON journal
  FOR EACH ROW EXECUTE FUNCTION sauda.refuse_change();
--> statement-breakpoint
CREATE TRIGGER journal_is_not_truncated BEFORE TRUNCATE ON journal
  FOR EACH STATEMENT EXECUTE FUNCTION sauda.refuse_change();
--> statement-breakpoint
CREATE TRIGGER kill_switch_events_are_append_only BEFORE UPDATE OR DELETE ON kill_switch_events
  FOR EACH ROW EXECUTE FUNCTION sauda.refuse_change();
--> statement-breakpoint
CREATE TRIGGER trades_are_not_deleted BEFORE DELETE ON trades
  FOR EACH ROW EXECUTE FUNCTION sauda.refuse_change();
--> statement-breakpoint
-- A finished order keeps its terms. Late trades, corrections of trades, and a late twin that brings it back are the
-- only changes.
CREATE FUNCTION sauda.guard_finished_order() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (new.quantity, new.price, new.trigger_price, new.side, new.order_type, new.product, new.symbol,
      new.stop_loss, new.take_profit)
     IS DISTINCT FROM
     (old.quantity, old.price, old.trigger_price, old.side, old.order_type, old.product, old.symbol,
      old.stop_loss, old.take_profit) THEN
    RAISE EXCEPTION 'order % is %: its terms can not change', old.id, old.status
      USING ERRCODE = 'restrict_violation', CONSTRAINT = 'finished_order_keeps_its_terms';
  END IF;
  IF new.corrections > old.corrections THEN
    RETURN new;
  END IF;
  IF new.status <> old.status AND (old.broker_order_id IS NOT NULL OR new.broker_order_id IS NULL) THEN
    RAISE EXCEPTION 'order % is %: it can not become %', old.id, old.status, new.status
      USING ERRCODE = 'restrict_violation', CONSTRAINT = 'finished_order_stays_finished';
  END IF;
  IF new.filled_quantity < old.filled_quantity THEN
    RAISE EXCEPTION 'order %: filled quantity can not fall', old.id
      USING ERRCODE = 'restrict_violation', CONSTRAINT = 'filled_quantity_never_falls';
  END IF;
  RETURN new;
END $$;
--> statement-breakpoint
CREATE TRIGGER finished_order_keeps_its_terms BEFORE UPDATE ON orders
  FOR EACH ROW WHEN (old.finished_at IS NOT NULL) EXECUTE FUNCTION sauda.guard_finished_order();
--> statement-breakpoint
CREATE FUNCTION sauda.set_updated_at() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  new.updated_at := sauda.clock();
  RETURN new;
END $$;
--> statement-breakpoint
CREATE TRIGGER accounts_updated_at BEFORE UPDATE ON accounts
  FOR EACH ROW WHEN (new.updated_at = old.updated_at) EXECUTE FUNCTION sauda.set_updated_at();
--> statement-breakpoint
CREATE TRIGGER strategies_updated_at BEFORE UPDATE ON strategies
  FOR EACH ROW EXECUTE FUNCTION sauda.set_updated_at();
--> statement-breakpoint
CREATE TRIGGER broker_sessions_updated_at BEFORE UPDATE ON broker_sessions
  FOR EACH ROW EXECUTE FUNCTION sauda.set_updated_at();
--> statement-breakpoint
CREATE TRIGGER daily_stats_updated_at BEFORE UPDATE ON daily_stats
  FOR EACH ROW WHEN (new.updated_at = old.updated_at) EXECUTE FUNCTION sauda.set_updated_at();
--> statement-breakpoint
CREATE FUNCTION sauda.today_realized_pnl(account text) RETURNS numeric LANGUAGE sql STABLE AS $$
  SELECT coalesce((SELECT realized_pnl FROM daily_stats
    WHERE account_id = account AND day = sauda.trading_day(sauda.clock())), 0)
$$;
--> statement-breakpoint
-- Net of charges, with the marks of open positions.
CREATE FUNCTION sauda.today_total_pnl(account text) RETURNS numeric LANGUAGE sql STABLE AS $$
  SELECT coalesce((SELECT net_realized_pnl + unrealized_pnl FROM today_pnl WHERE account_id = account), 0)
$$;
--> statement-breakpoint
CREATE FUNCTION sauda.kill_switch_state(account text) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT trading_state FROM accounts WHERE id = account
$$;
--> statement-breakpoint
CREATE UNIQUE INDEX strategy_performance_key ON strategy_performance (account_id, strategy_id);
--> statement-breakpoint
-- Empty after a crash: a price that is not there is unknown, never zero.
ALTER TABLE last_prices SET UNLOGGED;
--> statement-breakpoint
INSERT INTO accounts (id, name, capital) VALUES ('system', 'System', 0) ON CONFLICT DO NOTHING;
--> statement-breakpoint
-- Judged at commit: one statement closes a cycle and opens the next, in whatever order its parts run.
ALTER TABLE positions ADD CONSTRAINT one_open_cycle_per_key
  EXCLUDE USING btree (account_id WITH =, instrument_id WITH =, product WITH =, managed_by WITH =)
  WHERE (status = 'OPEN') DEFERRABLE INITIALLY DEFERRED;
--> statement-breakpoint
ALTER TABLE strategy_positions ADD CONSTRAINT one_open_cycle_per_strategy_key
  EXCLUDE USING btree (account_id WITH =, strategy_id WITH =, instrument_id WITH =, product WITH =)
  WHERE (status = 'OPEN') DEFERRABLE INITIALLY DEFERRED;

--> statement-breakpoint
-- Judged at commit: a condition that worsens ends its alert and raises the next in one statement.
ALTER TABLE alerts ADD CONSTRAINT one_alert_per_condition
  EXCLUDE USING btree (account_id WITH =, condition WITH =)
  WHERE (cleared_at IS NULL) DEFERRABLE INITIALLY DEFERRED;
--> statement-breakpoint
-- Judged at commit: one statement ends a command and lets the next take its place.
ALTER TABLE order_commands ADD CONSTRAINT one_command_in_flight_per_order
  EXCLUDE USING btree (account_id WITH =, order_id WITH =)
  WHERE (state = 'IN_FLIGHT') DEFERRABLE INITIALLY DEFERRED;
--> statement-breakpoint
ALTER TABLE order_commands ADD CONSTRAINT one_command_waiting_per_order
  EXCLUDE USING btree (account_id WITH =, order_id WITH =)
  WHERE (state = 'WAITING') DEFERRABLE INITIALLY DEFERRED;
