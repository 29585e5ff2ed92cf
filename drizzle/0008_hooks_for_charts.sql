CREATE TABLE "signal_hooks" (
	"account_id" text NOT NULL,
	"id" uuid NOT NULL,
	"name" text NOT NULL,
	"token_hash" text NOT NULL,
	"strategy_id" text NOT NULL,
	"instruments" text[] NOT NULL,
	"max_quantity" integer NOT NULL,
	"max_age_ms" integer NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"revoked_at" timestamp (3) with time zone,
	CONSTRAINT "signal_hooks_pk" PRIMARY KEY("account_id","id"),
	CONSTRAINT "signal_hook_is_bounded" CHECK ("signal_hooks"."max_quantity" > 0 and "signal_hooks"."max_age_ms" > 0),
	CONSTRAINT "signal_hook_names_instruments" CHECK (cardinality("signal_hooks"."instruments") > 0)
);
--> statement-breakpoint
ALTER TABLE "signal_hooks" ADD CONSTRAINT "signal_hooks_account_id_accounts_id_fk" FOREIGN KEY ("account_id") REFERENCES "public"."accounts"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "signal_hooks" ADD CONSTRAINT "signal_hook_strategy" FOREIGN KEY ("account_id","strategy_id") REFERENCES "public"."strategies"("account_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "signal_hook_is_unique" ON "signal_hooks" USING btree ("token_hash");