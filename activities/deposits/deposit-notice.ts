/** What an announcement claims; nothing of it counts before the provider's API shows the money. */
export interface DepositNotice {
  readonly providerDepositId: string | null;
  readonly currency: string;
  readonly amount: string;
  readonly address: string | null;
  readonly txHash: string | null;
}
