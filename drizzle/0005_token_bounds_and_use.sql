ALTER TABLE "api_tokens" ADD COLUMN "allowed_from" "inet"[];--> statement-breakpoint
ALTER TABLE "api_tokens" ADD COLUMN "last_used_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "api_tokens" ADD COLUMN "last_used_from" "inet";