CREATE TABLE "accounts" (
	"id" text PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"capital" numeric(24, 4) NOT NULL,
	"trading_state" text DEFAULT 'ACTIVE' NOT NULL,
	"trading_state_reason" text,
	"trading_state_by" text,
	"trading_state_at" timestamp (3) with time zone,
	"halt_id" uuid,
	"halt_exits" text DEFAULT 'reduceOnly' NOT NULL,
	"halt_trips" jsonb DEFAULT '[]'::jsonb NOT NULL,
	"peak_equity" numeric(24, 4),
	"limits" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"budget" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"seq" bigint DEFAULT 0 NOT NULL,
	"head" text DEFAULT '' NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT clock_timestamp() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT clock_timestamp() NOT NULL,
	CONSTRAINT "account_id_is_a_slug" CHECK ("accounts"."id" ~ '^[a-z0-9][a-z0-9_-]{0,39}$'),
	CONSTRAINT "capital_is_not_negative" CHECK ("accounts"."capital" >= 0 and "accounts"."capital" < 'Infinity'),
	CONSTRAINT "trading_state_is_known" CHECK ("accounts"."trading_state" in ('ACTIVE', 'REDUCING', 'HALTED')),
	CONSTRAINT "halt_has_a_number" CHECK (("accounts"."trading_state" = 'HALTED') = ("accounts"."halt_id" is not null))
);
--> statement-breakpoint
CREATE TABLE "api_tokens" (
	"id" uuid PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"role" text NOT NULL,
	"token_hash" text NOT NULL,
	"account_id" text,
	"strategy_id" text,
	"created_at" timestamp (3) with time zone DEFAULT clock_timestamp() NOT NULL,
	"revoked_at" timestamp (3) with time zone,
	CONSTRAINT "api_token_role_is_known" CHECK ("api_tokens"."role" in ('viewer', 'trader', 'operator', 'admin'))
);
--> statement-breakpoint
CREATE TABLE "broker_funds" (
	"account_id" text NOT NULL,
	"segment" text NOT NULL,
	"net" numeric(24, 4) NOT NULL,
	"read_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "broker_funds_pk" PRIMARY KEY("account_id","segment")
);
--> statement-breakpoint
CREATE TABLE "broker_sessions" (
	"account_id" text PRIMARY KEY NOT NULL,
	"broker" text NOT NULL,
	"broker_user" text,
	"api_key" text NOT NULL,
	"access_token_encrypted" text,
	"key_id" text,
	"status" text DEFAULT 'NEEDS_LOGIN' NOT NULL,
	"login_at" timestamp (3) with time zone,
	"expires_at" timestamp (3) with time zone,
	"updated_at" timestamp (3) with time zone DEFAULT clock_timestamp() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "cash_flows" (
	"account_id" text NOT NULL,
	"id" uuid NOT NULL,
	"day" date NOT NULL,
	"amount" numeric(24, 4) NOT NULL,
	"reason" text NOT NULL,
	"at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "cash_flows_pk" PRIMARY KEY("account_id","id"),
	CONSTRAINT "cash_flow_is_not_zero" CHECK ("cash_flows"."amount" <> 0)
);
--> statement-breakpoint
CREATE TABLE "daily_stats" (
	"account_id" text NOT NULL,
	"day" date NOT NULL,
	"opening_equity" numeric(24, 4) NOT NULL,
	"realized_pnl" numeric(24, 4) NOT NULL,
	"charges" numeric(24, 4) NOT NULL,
	"cash_flows" numeric(24, 4) NOT NULL,
	"turnover" numeric(24, 4) NOT NULL,
	"orders_count" integer NOT NULL,
	"rejected_count" integer NOT NULL,
	"trades_count" integer NOT NULL,
	"winning_trades" integer NOT NULL,
	"losing_trades" integer NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT clock_timestamp() NOT NULL,
	CONSTRAINT "daily_stats_pk" PRIMARY KEY("account_id","day"),
	CONSTRAINT "daily_counts_are_not_negative" CHECK ("daily_stats"."orders_count" >= 0 and "daily_stats"."trades_count" >= 0)
);
--> statement-breakpoint
CREATE TABLE "equity_samples" (
	"account_id" text NOT NULL,
	"at" timestamp (3) with time zone NOT NULL,
	"equity" numeric(24, 4) NOT NULL,
	"unrealized_pnl" numeric(24, 4) NOT NULL,
	CONSTRAINT "equity_samples_pk" PRIMARY KEY("account_id","at")
);
--> statement-breakpoint
CREATE TABLE "kill_switch_events" (
	"account_id" text NOT NULL,
	"id" uuid NOT NULL,
	"halt_id" uuid,
	"scope" text NOT NULL,
	"strategy_id" text,
	"from_state" text NOT NULL,
	"to_state" text NOT NULL,
	"reason" text NOT NULL,
	"actor" text NOT NULL,
	"details" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "kill_switch_events_pk" PRIMARY KEY("account_id","id")
);
--> statement-breakpoint
CREATE TABLE "risk_watch" (
	"account_id" text PRIMARY KEY NOT NULL,
	"daily_loss_samples" integer NOT NULL,
	"daily_loss_at" timestamp (3) with time zone,
	"drawdown_samples" integer NOT NULL,
	"drawdown_at" timestamp (3) with time zone,
	"high" numeric(24, 4),
	"high_of" numeric(24, 4),
	"sampled_at" timestamp (3) with time zone NOT NULL,
	"day" date
);
--> statement-breakpoint
CREATE TABLE "strategies" (
	"account_id" text NOT NULL,
	"id" text NOT NULL,
	"name" text NOT NULL,
	"enabled" boolean DEFAULT true NOT NULL,
	"disabled_reason" text,
	"armed_at" timestamp (3) with time zone,
	"protection" text,
	"trading_state" text DEFAULT 'ACTIVE' NOT NULL,
	"trading_state_reason" text,
	"trading_state_by" text,
	"trading_state_at" timestamp (3) with time zone,
	"halt_id" uuid,
	"halt_exits" text DEFAULT 'reduceOnly' NOT NULL,
	"limits" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT clock_timestamp() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT clock_timestamp() NOT NULL,
	CONSTRAINT "strategies_pk" PRIMARY KEY("account_id","id"),
	CONSTRAINT "strategy_id_is_plain" CHECK ("strategies"."id" ~ '^[A-Za-z0-9._-]{1,64}$'),
	CONSTRAINT "strategy_trading_state_is_known" CHECK ("strategies"."trading_state" in ('ACTIVE', 'REDUCING', 'HALTED')),
	CONSTRAINT "strategy_halt_has_a_number" CHECK (("strategies"."trading_state" = 'HALTED') = ("strategies"."halt_id" is not null))
);
--> statement-breakpoint
CREATE TABLE "instruments" (
	"id" serial PRIMARY KEY NOT NULL,
	"exchange" text NOT NULL,
	"symbol" text NOT NULL,
	"name" text NOT NULL,
	"instrument_token" integer NOT NULL,
	"exchange_token" integer NOT NULL,
	"isin" text,
	"instrument_type" text NOT NULL,
	"segment" text NOT NULL,
	"tick_size" numeric(24, 4) NOT NULL,
	"lot_size" integer NOT NULL,
	"expiry" date,
	"strike" numeric(24, 4),
	"underlying" text,
	"settlement" text,
	"quantity_unit" text DEFAULT 'UNITS' NOT NULL,
	"multiplier" numeric(24, 4),
	"freeze_quantity" integer,
	"listed_on" date NOT NULL,
	"active" boolean DEFAULT true NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT clock_timestamp() NOT NULL,
	CONSTRAINT "tick_is_positive" CHECK ("instruments"."tick_size" > 0 and "instruments"."tick_size" < 'Infinity'),
	CONSTRAINT "lot_is_positive" CHECK ("instruments"."lot_size" > 0)
);
--> statement-breakpoint
CREATE TABLE "last_prices" (
	"instrument_id" integer PRIMARY KEY NOT NULL,
	"price" numeric(24, 4) NOT NULL,
	"best_bid" numeric(24, 4),
	"best_offer" numeric(24, 4),
	"lower_circuit" numeric(24, 4),
	"upper_circuit" numeric(24, 4),
	"previous_close" numeric(24, 4),
	"source" text NOT NULL,
	"at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "last_price_is_positive" CHECK ("last_prices"."price" > 0 and "last_prices"."price" < 'Infinity')
);
--> statement-breakpoint
CREATE TABLE "alert_deliveries" (
	"account_id" text NOT NULL,
	"alert_id" uuid NOT NULL,
	"channel" text NOT NULL,
	"state" text DEFAULT 'PENDING' NOT NULL,
	"attempts" integer DEFAULT 0 NOT NULL,
	"failures" integer DEFAULT 0 NOT NULL,
	"told" integer DEFAULT 0 NOT NULL,
	"next_attempt_at" timestamp (3) with time zone DEFAULT clock_timestamp(),
	"delivered_at" timestamp (3) with time zone,
	"last_error" text,
	"message_id" text,
	CONSTRAINT "alert_deliveries_pk" PRIMARY KEY("account_id","alert_id","channel"),
	CONSTRAINT "delivery_state_is_known" CHECK ("alert_deliveries"."state" in ('PENDING','DELIVERED','FAILED')),
	CONSTRAINT "delivered_has_a_time" CHECK (("alert_deliveries"."state" = 'DELIVERED') = ("alert_deliveries"."delivered_at" is not null))
);
--> statement-breakpoint
CREATE TABLE "alerts" (
	"account_id" text NOT NULL,
	"id" uuid NOT NULL,
	"severity" text NOT NULL,
	"type" text NOT NULL,
	"message" text NOT NULL,
	"details" jsonb NOT NULL,
	"order_id" uuid,
	"condition" text NOT NULL,
	"at" timestamp (3) with time zone NOT NULL,
	"cleared_at" timestamp (3) with time zone,
	"acknowledged_at" timestamp (3) with time zone,
	"acknowledged_by" text,
	"routed_at" timestamp (3) with time zone,
	CONSTRAINT "alerts_pk" PRIMARY KEY("account_id","id"),
	CONSTRAINT "severity_is_known" CHECK ("alerts"."severity" in ('CRITICAL','WARNING','INFO'))
);
--> statement-breakpoint
CREATE TABLE "heartbeats" (
	"account_id" text NOT NULL,
	"duty" text NOT NULL,
	"started_at" timestamp (3) with time zone NOT NULL,
	"succeeded_at" timestamp (3) with time zone,
	"failed" boolean DEFAULT false NOT NULL,
	"detail" text,
	CONSTRAINT "heartbeats_pk" PRIMARY KEY("account_id","duty")
);
--> statement-breakpoint
CREATE TABLE "job_failures" (
	"id" uuid PRIMARY KEY NOT NULL,
	"queue" text NOT NULL,
	"job_id" text NOT NULL,
	"account_id" text,
	"order_id" uuid,
	"error" text NOT NULL,
	"at" timestamp (3) with time zone DEFAULT clock_timestamp() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "journal" (
	"account_id" text NOT NULL,
	"seq" bigint NOT NULL,
	"version" smallint NOT NULL,
	"at" text NOT NULL,
	"actor" text NOT NULL,
	"kind" text NOT NULL,
	"entity" text NOT NULL,
	"data" text NOT NULL,
	"hash" text NOT NULL,
	CONSTRAINT "journal_pk" PRIMARY KEY("account_id","seq"),
	CONSTRAINT "journal_starts_at_one" CHECK ("journal"."seq" > 0)
);
--> statement-breakpoint
CREATE TABLE "leases" (
	"name" text PRIMARY KEY NOT NULL,
	"holder" text NOT NULL,
	"until" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "operations" (
	"account_id" text NOT NULL,
	"id" uuid NOT NULL,
	"kind" text NOT NULL,
	"state" text NOT NULL,
	"details" jsonb NOT NULL,
	"started_by" text NOT NULL,
	"started_at" timestamp (3) with time zone NOT NULL,
	"finished_at" timestamp (3) with time zone,
	"next_step_at" timestamp (3) with time zone,
	"step_failures" integer DEFAULT 0 NOT NULL,
	CONSTRAINT "operations_pk" PRIMARY KEY("account_id","id"),
	CONSTRAINT "operation_kind_is_known" CHECK ("operations"."kind" in ('HALT', 'FLATTEN')),
	CONSTRAINT "running_operations_have_a_step" CHECK (("operations"."state" = 'RUNNING') = ("operations"."next_step_at" is not null)),
	CONSTRAINT "finished_operations_have_an_end" CHECK (("operations"."state" = 'RUNNING') = ("operations"."finished_at" is null))
);
--> statement-breakpoint
CREATE TABLE "queue_pauses" (
	"queue" text PRIMARY KEY NOT NULL,
	"paused_by" text NOT NULL,
	"reason" text NOT NULL,
	"at" timestamp (3) with time zone DEFAULT clock_timestamp() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "reconciliation_log" (
	"account_id" text NOT NULL,
	"id" uuid NOT NULL,
	"started_at" timestamp (3) with time zone NOT NULL,
	"started_by" text NOT NULL,
	"finished_at" timestamp (3) with time zone,
	"status" text NOT NULL,
	"checked" integer DEFAULT 0 NOT NULL,
	"differences" jsonb DEFAULT '[]'::jsonb NOT NULL,
	"fault" text,
	CONSTRAINT "reconciliation_log_pk" PRIMARY KEY("account_id","id")
);
--> statement-breakpoint
CREATE TABLE "broker_orders" (
	"account_id" text NOT NULL,
	"day" date NOT NULL,
	"broker_order_id" text NOT NULL,
	"tag" text,
	"status" text NOT NULL,
	"filled_quantity" integer NOT NULL,
	"order_id" uuid,
	"raw" jsonb NOT NULL,
	"first_seen_at" timestamp (3) with time zone NOT NULL,
	"last_seen_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "broker_orders_pk" PRIMARY KEY("account_id","day","broker_order_id")
);
--> statement-breakpoint
CREATE TABLE "broker_reads" (
	"account_id" text NOT NULL,
	"id" uuid NOT NULL,
	"kind" text NOT NULL,
	"started_at" timestamp (3) with time zone NOT NULL,
	"clean" boolean NOT NULL,
	"rows_count" integer,
	"fault" text,
	"searched" jsonb,
	CONSTRAINT "broker_reads_pk" PRIMARY KEY("account_id","id")
);
--> statement-breakpoint
CREATE TABLE "order_attempts" (
	"account_id" text NOT NULL,
	"order_id" uuid NOT NULL,
	"attempt" integer NOT NULL,
	"tag" text NOT NULL,
	"claimed_at" timestamp (3) with time zone NOT NULL,
	"not_before" timestamp (3) with time zone NOT NULL,
	"send_by" timestamp (3) with time zone NOT NULL,
	"claim_id" uuid NOT NULL,
	"outcome" text,
	"outcome_reason" text,
	"outcome_at" timestamp (3) with time zone,
	"broker_order_id" text,
	CONSTRAINT "order_attempts_pk" PRIMARY KEY("account_id","order_id","attempt"),
	CONSTRAINT "tag_is_letters_and_digits" CHECK ("order_attempts"."tag" ~ '^[A-Za-z0-9]{1,20}$')
);
--> statement-breakpoint
CREATE TABLE "order_commands" (
	"account_id" text NOT NULL,
	"id" uuid NOT NULL,
	"order_id" uuid NOT NULL,
	"kind" text NOT NULL,
	"idempotency_key" text,
	"terms" jsonb,
	"state" text NOT NULL,
	"outcome" text,
	"reason" text,
	"requested_by" text NOT NULL,
	"requested_at" timestamp (3) with time zone NOT NULL,
	"sends" integer DEFAULT 0 NOT NULL,
	"claim_id" uuid,
	"sent_at" timestamp (3) with time zone,
	"not_before" timestamp (3) with time zone,
	"send_by" timestamp (3) with time zone,
	"answer" text,
	"answered_at" timestamp (3) with time zone,
	"book_before" jsonb,
	"clean_reads" integer DEFAULT 0 NOT NULL,
	"finished_at" timestamp (3) with time zone,
	"next_step_at" timestamp (3) with time zone,
	"step_failures" integer DEFAULT 0 NOT NULL,
	"parked_at" timestamp (3) with time zone,
	CONSTRAINT "order_commands_pk" PRIMARY KEY("account_id","id"),
	CONSTRAINT "command_kind_is_known" CHECK ("order_commands"."kind" in ('CANCEL','MODIFY')),
	CONSTRAINT "command_state_is_known" CHECK ("order_commands"."state" in ('WAITING','IN_FLIGHT','DONE')),
	CONSTRAINT "commands_end_with_an_outcome" CHECK (("order_commands"."state" = 'DONE') = ("order_commands"."outcome" is not null) and ("order_commands"."state" = 'DONE') = ("order_commands"."finished_at" is not null)),
	CONSTRAINT "modify_commands_have_terms" CHECK (("order_commands"."kind" = 'MODIFY') = ("order_commands"."terms" is not null))
);
--> statement-breakpoint
CREATE TABLE "orders" (
	"account_id" text NOT NULL,
	"id" uuid NOT NULL,
	"client_order_id" text NOT NULL,
	"request_hash" text NOT NULL,
	"strategy_id" text,
	"instrument_id" integer NOT NULL,
	"exchange" text NOT NULL,
	"symbol" text NOT NULL,
	"side" text NOT NULL,
	"quantity" integer NOT NULL,
	"order_type" text NOT NULL,
	"product" text NOT NULL,
	"validity" text NOT NULL,
	"validity_minutes" integer,
	"variety" text NOT NULL,
	"price" numeric(24, 4),
	"trigger_price" numeric(24, 4),
	"stop_loss" numeric(24, 4),
	"take_profit" numeric(24, 4),
	"disclosed_quantity" integer,
	"market_protection" numeric(24, 4),
	"reduce_only" boolean NOT NULL,
	"max_age_ms" integer,
	"metadata" jsonb,
	"role" text NOT NULL,
	"parent_order_id" uuid,
	"protection_group" text,
	"protection" text,
	"trailing_stop" jsonb,
	"gtt" boolean NOT NULL,
	"cause" text NOT NULL,
	"trading_day" date NOT NULL,
	"status" text NOT NULL,
	"rejected_by" text,
	"failed_check" text,
	"status_reason" text,
	"opening_quantity" integer NOT NULL,
	"margin_per_unit" numeric(24, 8),
	"risk_per_unit" numeric(24, 8),
	"reference_price" numeric(24, 4),
	"value_per_unit" numeric(24, 8),
	"attempt" integer NOT NULL,
	"attempt_tag" text,
	"claimed_at" timestamp (3) with time zone,
	"send_by" timestamp (3) with time zone,
	"broker_order_id" text,
	"exchange_order_id" text,
	"broker_status" text,
	"filled_quantity" integer NOT NULL,
	"filled_value" numeric(24, 4) NOT NULL,
	"awaiting_trades_since" timestamp (3) with time zone,
	"modifications" integer DEFAULT 0 NOT NULL,
	"corrections" integer DEFAULT 0 NOT NULL,
	"reserve" jsonb,
	"last_read_at" timestamp (3) with time zone,
	"version" integer NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"updated_at" timestamp (3) with time zone NOT NULL,
	"submitted_at" timestamp (3) with time zone,
	"finished_at" timestamp (3) with time zone,
	"next_step_at" timestamp (3) with time zone,
	"step_failures" integer DEFAULT 0 NOT NULL,
	"parked_at" timestamp (3) with time zone,
	CONSTRAINT "orders_pk" PRIMARY KEY("account_id","id"),
	CONSTRAINT "quantity_is_positive" CHECK ("orders"."quantity" > 0),
	CONSTRAINT "filled_is_not_more_than_ordered" CHECK ("orders"."filled_quantity" between 0 and "orders"."quantity"),
	CONSTRAINT "filled_value_goes_with_quantity" CHECK (("orders"."filled_quantity" = 0) = ("orders"."filled_value" = 0)),
	CONSTRAINT "price_is_positive" CHECK ("orders"."price" > 0 and "orders"."price" < 'Infinity'),
	CONSTRAINT "trigger_price_is_positive" CHECK ("orders"."trigger_price" > 0 and "orders"."trigger_price" < 'Infinity'),
	CONSTRAINT "opening_part_is_within_the_order" CHECK ("orders"."opening_quantity" between 0 and "orders"."quantity"),
	CONSTRAINT "side_is_known" CHECK ("orders"."side" in ('BUY','SELL')),
	CONSTRAINT "order_type_is_known" CHECK ("orders"."order_type" in ('MARKET','LIMIT','SL','SL-M')),
	CONSTRAINT "status_is_known" CHECK ("orders"."status" in ('PENDING','VALIDATED','SUBMITTING','UNKNOWN','SUBMITTED','OPEN','PARTIALLY_FILLED','FILLED','CANCELLED','REJECTED','EXPIRED')),
	CONSTRAINT "finished_orders_have_an_end" CHECK (("orders"."status" in ('FILLED','CANCELLED','REJECTED','EXPIRED')) = ("orders"."finished_at" is not null)),
	CONSTRAINT "rejected_orders_say_by_whom" CHECK ("orders"."status" <> 'REJECTED' or "orders"."rejected_by" is not null),
	CONSTRAINT "filled_means_all_of_it" CHECK ("orders"."status" <> 'FILLED' or "orders"."filled_quantity" = "orders"."quantity"),
	CONSTRAINT "limit_orders_have_a_price" CHECK ("orders"."order_type" in ('MARKET','SL-M') or "orders"."price" is not null),
	CONSTRAINT "stop_orders_have_a_trigger" CHECK ("orders"."order_type" in ('MARKET','LIMIT') or "orders"."trigger_price" is not null),
	CONSTRAINT "metadata_is_bounded" CHECK (pg_column_size("orders"."metadata") <= 16384)
);
--> statement-breakpoint
CREATE TABLE "trades" (
	"account_id" text NOT NULL,
	"exchange" text NOT NULL,
	"trade_date" date NOT NULL,
	"broker_order_id" text NOT NULL,
	"trade_id" text NOT NULL,
	"side" text NOT NULL,
	"order_id" uuid NOT NULL,
	"strategy_id" text,
	"instrument_id" integer NOT NULL,
	"symbol" text NOT NULL,
	"product" text NOT NULL,
	"quantity" integer NOT NULL,
	"price" numeric(24, 4) NOT NULL,
	"multiplier" numeric(24, 4) NOT NULL,
	"traded_at" timestamp (3) with time zone NOT NULL,
	"recorded_at" timestamp (3) with time zone NOT NULL,
	"entry_id" uuid NOT NULL,
	"brokerage" numeric(24, 4) NOT NULL,
	"transaction_tax" numeric(24, 4) NOT NULL,
	"exchange_charge" numeric(24, 4) NOT NULL,
	"sebi_charge" numeric(24, 4) NOT NULL,
	"stamp_duty" numeric(24, 4) NOT NULL,
	"gst" numeric(24, 4) NOT NULL,
	"charges" numeric(24, 4) NOT NULL,
	"annulled_at" timestamp (3) with time zone,
	CONSTRAINT "trades_pk" PRIMARY KEY("account_id","exchange","trade_date","broker_order_id","trade_id","side"),
	CONSTRAINT "trade_quantity_is_positive" CHECK ("trades"."quantity" > 0),
	CONSTRAINT "trade_price_is_positive" CHECK ("trades"."price" > 0 and "trades"."price" < 'Infinity'),
	CONSTRAINT "charges_add_up" CHECK ("trades"."charges" = "trades"."brokerage" + "trades"."transaction_tax" + "trades"."exchange_charge" + "trades"."sebi_charge" + "trades"."stamp_duty" + "trades"."gst")
);
--> statement-breakpoint
CREATE TABLE "holdings" (
	"account_id" text NOT NULL,
	"instrument_id" integer NOT NULL,
	"quantity" integer NOT NULL,
	"t1_quantity" integer NOT NULL,
	"average_price" numeric(24, 4) NOT NULL,
	"read_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "holdings_pk" PRIMARY KEY("account_id","instrument_id")
);
--> statement-breakpoint
CREATE TABLE "position_days" (
	"account_id" text NOT NULL,
	"instrument_id" integer NOT NULL,
	"product" text NOT NULL,
	"managed_by" text NOT NULL,
	"cycle" integer NOT NULL,
	"day" date NOT NULL,
	"opening_quantity" integer NOT NULL,
	"previous_close" numeric(24, 4),
	"realized_pnl" numeric(24, 4) NOT NULL,
	"charges" numeric(24, 4) NOT NULL,
	CONSTRAINT "position_days_pk" PRIMARY KEY("account_id","instrument_id","product","managed_by","cycle","day")
);
--> statement-breakpoint
CREATE TABLE "position_entries" (
	"account_id" text NOT NULL,
	"instrument_id" integer NOT NULL,
	"product" text NOT NULL,
	"managed_by" text NOT NULL,
	"id" uuid NOT NULL,
	"kind" text NOT NULL,
	"strategy_id" text,
	"quantity" integer NOT NULL,
	"price" numeric(24, 4) NOT NULL,
	"multiplier" numeric(24, 4) NOT NULL,
	"cash" numeric(24, 4) NOT NULL,
	"charges" numeric(24, 4) NOT NULL,
	"traded_at" timestamp (3) with time zone NOT NULL,
	"trade_id" text NOT NULL,
	"evidence" jsonb NOT NULL,
	"counterpart" text,
	"recorded_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "position_entries_pk" PRIMARY KEY("account_id","id"),
	CONSTRAINT "entry_is_not_empty" CHECK ("position_entries"."quantity" <> 0),
	CONSTRAINT "entry_cash_is_minus_value" CHECK ("position_entries"."kind" <> 'TRADE' or abs("position_entries"."cash" + "position_entries"."quantity" * "position_entries"."price" * "position_entries"."multiplier") < 0.0001)
);
--> statement-breakpoint
CREATE TABLE "position_marks" (
	"account_id" text NOT NULL,
	"instrument_id" integer NOT NULL,
	"product" text NOT NULL,
	"managed_by" text NOT NULL,
	"cycle" integer NOT NULL,
	"last_price" numeric(24, 4) NOT NULL,
	"last_price_at" timestamp (3) with time zone NOT NULL,
	"unrealized_pnl" numeric(24, 4) NOT NULL,
	"highest_price" numeric(24, 4) NOT NULL,
	"lowest_price" numeric(24, 4) NOT NULL,
	"updated_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "position_marks_pk" PRIMARY KEY("account_id","instrument_id","product","managed_by","cycle")
);
--> statement-breakpoint
CREATE TABLE "positions" (
	"account_id" text NOT NULL,
	"instrument_id" integer NOT NULL,
	"product" text NOT NULL,
	"managed_by" text NOT NULL,
	"cycle" integer NOT NULL,
	"exchange" text NOT NULL,
	"symbol" text NOT NULL,
	"status" text NOT NULL,
	"quantity" integer NOT NULL,
	"open_value" numeric(24, 4) NOT NULL,
	"buy_quantity" integer NOT NULL,
	"buy_value" numeric(24, 4) NOT NULL,
	"sell_quantity" integer NOT NULL,
	"sell_value" numeric(24, 4) NOT NULL,
	"realized_pnl" numeric(24, 4) NOT NULL,
	"charges" numeric(24, 4) NOT NULL,
	"highest_price" numeric(24, 4) NOT NULL,
	"lowest_price" numeric(24, 4) NOT NULL,
	"multiplier" numeric(24, 4) NOT NULL,
	"opened_at" timestamp (3) with time zone NOT NULL,
	"closed_at" timestamp (3) with time zone,
	"last_entry_at" timestamp (3) with time zone NOT NULL,
	"last_trade_id" text NOT NULL,
	"stop_loss" numeric(24, 4),
	"overnight_quantity" integer DEFAULT 0 NOT NULL,
	"previous_close" numeric(24, 4),
	"updated_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "positions_pk" PRIMARY KEY("account_id","instrument_id","product","managed_by","cycle"),
	CONSTRAINT "open_means_not_flat" CHECK (("positions"."status" = 'OPEN') = ("positions"."quantity" <> 0)),
	CONSTRAINT "closed_positions_have_an_end" CHECK (("positions"."status" = 'CLOSED') = ("positions"."closed_at" is not null)),
	CONSTRAINT "quantity_is_bought_less_sold" CHECK ("positions"."quantity" = "positions"."buy_quantity" - "positions"."sell_quantity"),
	CONSTRAINT "flat_holds_no_value" CHECK ("positions"."quantity" <> 0 or "positions"."open_value" = 0),
	CONSTRAINT "closed_pnl_is_sold_less_bought" CHECK ("positions"."quantity" <> 0 or "positions"."realized_pnl" = "positions"."sell_value" - "positions"."buy_value")
);
--> statement-breakpoint
CREATE TABLE "strategy_positions" (
	"account_id" text NOT NULL,
	"strategy_id" text NOT NULL,
	"instrument_id" integer NOT NULL,
	"product" text NOT NULL,
	"cycle" integer NOT NULL,
	"status" text NOT NULL,
	"quantity" integer NOT NULL,
	"open_value" numeric(24, 4) NOT NULL,
	"buy_quantity" integer NOT NULL,
	"buy_value" numeric(24, 4) NOT NULL,
	"sell_quantity" integer NOT NULL,
	"sell_value" numeric(24, 4) NOT NULL,
	"realized_pnl" numeric(24, 4) NOT NULL,
	"charges" numeric(24, 4) NOT NULL,
	"highest_price" numeric(24, 4) NOT NULL,
	"lowest_price" numeric(24, 4) NOT NULL,
	"multiplier" numeric(24, 4) NOT NULL,
	"opened_at" timestamp (3) with time zone NOT NULL,
	"closed_at" timestamp (3) with time zone,
	"last_entry_at" timestamp (3) with time zone NOT NULL,
	"last_trade_id" text NOT NULL,
	"updated_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "strategy_positions_pk" PRIMARY KEY("account_id","strategy_id","instrument_id","product","cycle")
);
--> statement-breakpoint
CREATE TABLE "protection_groups" (
	"account_id" text NOT NULL,
	"id" uuid NOT NULL,
	"instrument_id" integer NOT NULL,
	"exchange" text NOT NULL,
	"symbol" text NOT NULL,
	"product" text NOT NULL,
	"strategy_id" text,
	"side" text NOT NULL,
	"parent_order_id" uuid NOT NULL,
	"policy" text NOT NULL,
	"mode" text NOT NULL,
	"reason" text,
	"stop_loss" numeric(24, 4),
	"take_profit" numeric(24, 4),
	"parent_stop" numeric(24, 4),
	"parent_target" numeric(24, 4),
	"trailing_stop" jsonb,
	"gtt" boolean NOT NULL,
	"gtt_net" jsonb,
	"guard_ids" jsonb NOT NULL,
	"cancelled_ids" jsonb NOT NULL,
	"cancel_tries" jsonb NOT NULL,
	"placed" integer NOT NULL,
	"modified" integer NOT NULL,
	"modify_keys" jsonb NOT NULL,
	"stop_asked" numeric(24, 4),
	"target_asked" numeric(24, 4),
	"stop_refusals" integer NOT NULL,
	"target_refusals" integer NOT NULL,
	"exit_refusals" integer NOT NULL,
	"retry_at" timestamp (3) with time zone,
	"held_quantity" integer NOT NULL,
	"protected_quantity" integer NOT NULL,
	"unprotected_since" timestamp (3) with time zone,
	"unprotected_ms" integer NOT NULL,
	"next_look_at" timestamp (3) with time zone,
	"created_at" timestamp (3) with time zone NOT NULL,
	"updated_at" timestamp (3) with time zone NOT NULL,
	"ended_at" timestamp (3) with time zone,
	CONSTRAINT "protection_groups_pk" PRIMARY KEY("account_id","id"),
	CONSTRAINT "protection_side_is_known" CHECK ("protection_groups"."side" in ('BUY','SELL')),
	CONSTRAINT "protection_policy_is_known" CHECK ("protection_groups"."policy" in ('exchange','oms')),
	CONSTRAINT "protection_mode_is_known" CHECK ("protection_groups"."mode" in ('STOP','EXIT'))
);
--> statement-breakpoint
CREATE TABLE "chat_mutes" (
	"account_id" text NOT NULL,
	"channel" text NOT NULL,
	"type" text NOT NULL,
	"until" timestamp (3) with time zone NOT NULL,
	"by" text NOT NULL,
	CONSTRAINT "chat_mutes_pk" PRIMARY KEY("account_id","channel","type")
);
--> statement-breakpoint
CREATE TABLE "chat_pace" (
	"chat_id" text PRIMARY KEY NOT NULL,
	"next_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "chat_prompts" (
	"account_id" text NOT NULL,
	"nonce" text NOT NULL,
	"chat_id" text NOT NULL,
	"user_id" text NOT NULL,
	"action" jsonb NOT NULL,
	"code" text,
	"wrong_codes" integer DEFAULT 0 NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT clock_timestamp() NOT NULL,
	"expires_at" timestamp (3) with time zone NOT NULL,
	"used_by" text,
	CONSTRAINT "chat_prompts_pk" PRIMARY KEY("account_id","nonce")
);
--> statement-breakpoint
CREATE TABLE "chat_updates" (
	"account_id" text NOT NULL,
	"key" text NOT NULL,
	"input" jsonb,
	"received_at" timestamp (3) with time zone DEFAULT clock_timestamp() NOT NULL,
	"done_at" timestamp (3) with time zone,
	CONSTRAINT "chat_updates_pk" PRIMARY KEY("account_id","key")
);
--> statement-breakpoint
ALTER TABLE "api_tokens" ADD CONSTRAINT "api_tokens_account_id_accounts_id_fk" FOREIGN KEY ("account_id") REFERENCES "public"."accounts"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "api_tokens" ADD CONSTRAINT "api_token_strategy" FOREIGN KEY ("account_id","strategy_id") REFERENCES "public"."strategies"("account_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "broker_funds" ADD CONSTRAINT "broker_funds_account_id_accounts_id_fk" FOREIGN KEY ("account_id") REFERENCES "public"."accounts"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "broker_sessions" ADD CONSTRAINT "broker_sessions_account_id_accounts_id_fk" FOREIGN KEY ("account_id") REFERENCES "public"."accounts"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "cash_flows" ADD CONSTRAINT "cash_flows_account_id_accounts_id_fk" FOREIGN KEY ("account_id") REFERENCES "public"."accounts"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "kill_switch_events" ADD CONSTRAINT "kill_switch_events_account_id_accounts_id_fk" FOREIGN KEY ("account_id") REFERENCES "public"."accounts"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "strategies" ADD CONSTRAINT "strategies_account_id_accounts_id_fk" FOREIGN KEY ("account_id") REFERENCES "public"."accounts"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "alert_deliveries" ADD CONSTRAINT "delivery_of_an_alert" FOREIGN KEY ("account_id","alert_id") REFERENCES "public"."alerts"("account_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "order_attempts" ADD CONSTRAINT "order_attempts_order" FOREIGN KEY ("account_id","order_id") REFERENCES "public"."orders"("account_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "order_commands" ADD CONSTRAINT "order_commands_order" FOREIGN KEY ("account_id","order_id") REFERENCES "public"."orders"("account_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "orders" ADD CONSTRAINT "orders_instrument_id_instruments_id_fk" FOREIGN KEY ("instrument_id") REFERENCES "public"."instruments"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "orders" ADD CONSTRAINT "orders_strategy" FOREIGN KEY ("account_id","strategy_id") REFERENCES "public"."strategies"("account_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "trades" ADD CONSTRAINT "trades_order" FOREIGN KEY ("account_id","order_id") REFERENCES "public"."orders"("account_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "strategy_positions" ADD CONSTRAINT "strategy_positions_strategy" FOREIGN KEY ("account_id","strategy_id") REFERENCES "public"."strategies"("account_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "protection_groups" ADD CONSTRAINT "protection_groups_parent" FOREIGN KEY ("account_id","parent_order_id") REFERENCES "public"."orders"("account_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "api_token_is_unique" ON "api_tokens" USING btree ("token_hash");--> statement-breakpoint
CREATE INDEX "kill_switch_events_by_time" ON "kill_switch_events" USING btree ("account_id","at" DESC NULLS FIRST);--> statement-breakpoint
CREATE UNIQUE INDEX "symbol_is_unique_in_its_exchange" ON "instruments" USING btree ("exchange","symbol");--> statement-breakpoint
CREATE INDEX "instruments_by_day" ON "instruments" USING btree ("listed_on");--> statement-breakpoint
CREATE INDEX "alert_deliveries_due" ON "alert_deliveries" USING btree ("channel","next_attempt_at") WHERE "alert_deliveries"."next_attempt_at" is not null;--> statement-breakpoint
CREATE INDEX "alerts_newest" ON "alerts" USING btree ("account_id","at" DESC NULLS FIRST);--> statement-breakpoint
CREATE INDEX "alerts_not_routed" ON "alerts" USING btree ("at") WHERE "alerts"."routed_at" is null;--> statement-breakpoint
CREATE INDEX "job_failures_newest" ON "job_failures" USING btree ("queue","at" DESC NULLS FIRST);--> statement-breakpoint
CREATE INDEX "journal_of_entity" ON "journal" USING btree ("account_id","entity","seq");--> statement-breakpoint
CREATE INDEX "operations_due" ON "operations" USING btree ("next_step_at") WHERE next_step_at is not null;--> statement-breakpoint
CREATE INDEX "reconciliations_newest" ON "reconciliation_log" USING btree ("account_id","started_at" DESC NULLS FIRST);--> statement-breakpoint
CREATE INDEX "broker_orders_by_tag" ON "broker_orders" USING btree ("account_id","tag");--> statement-breakpoint
CREATE INDEX "broker_reads_by_time" ON "broker_reads" USING btree ("account_id","started_at");--> statement-breakpoint
CREATE UNIQUE INDEX "attempt_tag_is_unique" ON "order_attempts" USING btree ("account_id","tag");--> statement-breakpoint
CREATE UNIQUE INDEX "command_key_is_unique" ON "order_commands" USING btree ("account_id","idempotency_key") WHERE idempotency_key is not null;--> statement-breakpoint
CREATE INDEX "commands_of_order" ON "order_commands" USING btree ("account_id","order_id");--> statement-breakpoint
CREATE INDEX "commands_open" ON "order_commands" USING btree ("account_id","order_id") WHERE state <> 'DONE';--> statement-breakpoint
CREATE INDEX "commands_due" ON "order_commands" USING btree ("next_step_at") WHERE next_step_at is not null and parked_at is null;--> statement-breakpoint
CREATE UNIQUE INDEX "client_order_id_is_unique" ON "orders" USING btree ("account_id","client_order_id");--> statement-breakpoint
CREATE UNIQUE INDEX "broker_order_id_is_unique_in_a_day" ON "orders" USING btree ("account_id","trading_day","broker_order_id") WHERE broker_order_id is not null;--> statement-breakpoint
CREATE INDEX "orders_open" ON "orders" USING btree ("account_id","created_at" DESC NULLS FIRST,"id" DESC NULLS FIRST) WHERE finished_at is null;--> statement-breakpoint
CREATE INDEX "orders_due" ON "orders" USING btree ("next_step_at") WHERE next_step_at is not null and parked_at is null;--> statement-breakpoint
CREATE INDEX "orders_submitted" ON "orders" USING btree ("account_id","submitted_at") WHERE submitted_at is not null;--> statement-breakpoint
CREATE INDEX "orders_newest" ON "orders" USING btree ("account_id","created_at" DESC NULLS FIRST,"id" DESC NULLS FIRST);--> statement-breakpoint
CREATE INDEX "orders_of_parent" ON "orders" USING btree ("account_id","parent_order_id") WHERE parent_order_id is not null;--> statement-breakpoint
CREATE UNIQUE INDEX "trade_has_one_entry" ON "trades" USING btree ("account_id","entry_id");--> statement-breakpoint
CREATE INDEX "trades_of_order" ON "trades" USING btree ("account_id","order_id");--> statement-breakpoint
CREATE INDEX "trades_newest" ON "trades" USING btree ("account_id","traded_at" DESC NULLS FIRST,"entry_id");--> statement-breakpoint
CREATE INDEX "position_entries_in_order" ON "position_entries" USING btree ("account_id","instrument_id","product","managed_by","traded_at");--> statement-breakpoint
CREATE UNIQUE INDEX "one_live_protection_of_a_side" ON "protection_groups" USING btree ("account_id","instrument_id","product",coalesce(strategy_id, ''),"side") WHERE ended_at is null;--> statement-breakpoint
CREATE INDEX "protection_due" ON "protection_groups" USING btree ("next_look_at") WHERE ended_at is null and next_look_at is not null;--> statement-breakpoint
CREATE INDEX "protection_of_parent" ON "protection_groups" USING btree ("account_id","parent_order_id");--> statement-breakpoint
CREATE INDEX "chat_prompts_typed" ON "chat_prompts" USING btree ("chat_id","user_id") WHERE "chat_prompts"."used_by" is null and "chat_prompts"."code" is not null;--> statement-breakpoint
CREATE INDEX "chat_updates_to_do" ON "chat_updates" USING btree ("received_at") WHERE "chat_updates"."done_at" is null;--> statement-breakpoint
CREATE VIEW "public"."open_orders" AS (select "account_id", "id", "client_order_id", "strategy_id", "exchange", "symbol", "side", "quantity", "filled_quantity", "order_type", "price", "status", "broker_order_id", "created_at" from "orders" where "orders"."finished_at" is null);--> statement-breakpoint
CREATE VIEW "public"."order_checks" AS (select "account_id", "entity"::uuid as "order_id", ("data"::jsonb ->> 'run')::int as "run", "data"::jsonb -> 'results' as "results", "at"::timestamptz as "at" from "journal" where "journal"."kind" = 'ChecksRun');--> statement-breakpoint
CREATE VIEW "public"."today_pnl" AS (select "account_id", "day", "realized_pnl", "charges", "realized_pnl" - "charges" as "net_realized_pnl", (select coalesce(sum(m.unrealized_pnl), 0) from position_marks m
        join positions p using (account_id, instrument_id, product, managed_by, cycle)
        where p.account_id = daily_stats.account_id and p.status = 'OPEN' and p.managed_by = 'OMS') as "unrealized_pnl" from "daily_stats" where "daily_stats"."day" = sauda.trading_day(sauda.clock()));--> statement-breakpoint
CREATE MATERIALIZED VIEW "public"."strategy_performance" AS (select "account_id", "strategy_id", count(*) as "cycles", count(*) filter (where status = 'CLOSED') as "closed", count(*) filter (where status = 'CLOSED' and realized_pnl > charges) as "won", coalesce(sum(realized_pnl), 0) as "realized_pnl", coalesce(sum(charges), 0) as "charges" from "strategy_positions" group by "strategy_positions"."account_id", "strategy_positions"."strategy_id");