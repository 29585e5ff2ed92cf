CREATE TABLE "web_sessions" (
	"id" uuid PRIMARY KEY NOT NULL,
	"cookie_hash" text NOT NULL,
	"token_hash" text NOT NULL,
	"opened_from" "inet",
	"created_at" timestamp (3) with time zone DEFAULT clock_timestamp() NOT NULL,
	"expires_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "web_session_hashes_are_sha256" CHECK (length("web_sessions"."cookie_hash") = 64 and length("web_sessions"."token_hash") = 64),
	CONSTRAINT "web_session_ends_after_it_began" CHECK ("web_sessions"."expires_at" > "web_sessions"."created_at")
);
--> statement-breakpoint
CREATE UNIQUE INDEX "web_session_is_unique" ON "web_sessions" USING btree ("cookie_hash");