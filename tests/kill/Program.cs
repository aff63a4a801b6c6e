using System.Globalization;
using System.Text.Json;
using DynamicFs.KillTests.Campaign;
using DynamicFs.KillTests.Pool;
using DynamicFs.KillTests.Workloads;

namespace DynamicFs.KillTests;

/// <summary>The campaign as a program: tools/kill-campaign.</summary>
internal static class Program
{
    private const int FsckEvery = 10;
    private static readonly JsonSerializerOptions s_json = new() { WriteIndented = true, PropertyNamingPolicy = JsonNamingPolicy.CamelCase };

    public static int Main(string[] arguments)
    {
        CampaignOptions? options = CampaignOptions.Parse(arguments);
        if (options is null)
            return 2;
        var tallies = new List<Tally>();
        if (options.Kills > 0)
            tallies.Add(Run(options, options.Kills, (plans, round) => plans.Kill(round), tally => tally.Kills));
        if (options.Cuts > 0)
            tallies.Add(Run(options, options.Cuts, (plans, round) => plans.Cut(round), tally => tally.Cuts));
        if (options.IsJson)
            Console.WriteLine(JsonSerializer.Serialize(tallies, s_json));
        foreach (Tally tally in tallies.Where(_ => !options.IsJson))
            Console.WriteLine(Text(tally));
        return tallies.Any(tally => tally.Violations.Count > 0) ? 1 : 0;
    }

    private static Tally Run(CampaignOptions options, int wanted, Func<RoundPlans, int, RoundPlan> plan, Func<Tally, int> done)
    {
        using var campaign = new KillCampaign(options.Kind, options.Seed, options.Applications ? Applications : Marks, Console.Error.WriteLine);
        if (options.Canary is { } canary)
            campaign.Settings["DYNFS_CANARY"] = canary;
        var plans = new RoundPlans(new Random(options.Seed), options.AllDisks, options.Applications);
        try
        {
            for (int round = 0; done(campaign.Tally) < wanted; round++)
            {
                campaign.Round(plan(plans, round));
                if (round % FsckEvery == FsckEvery - 1)
                    campaign.Fsck(0, 10);
            }

            campaign.Finish(0, 10);
            if (options.AllDisks)
                campaign.CheckNothingIsLeft();
        }
        catch (KillViolationException e)
        {
            Console.Error.WriteLine($"VIOLATION {e.Message}");
        }

        return campaign.Tally;
    }

    private static IReadOnlyList<IWorkload> Marks(Random random) => [new MarkWorkload(random)];

    private static IReadOnlyList<IWorkload> Applications(Random random) => [new SqliteWorkload("WAL", "FULL"), new SqliteWorkload("DELETE", "EXTRA"), new SqliteWorkload("TRUNCATE", "FULL"), new GitWorkload()];

    private static string Text(Tally tally) => string.Create(CultureInfo.InvariantCulture,
        $"{tally.Filesystem}: {tally.Kills} kills ({tally.MountsKilled} of mounts), {tally.Cuts} power cuts, {tally.RoundsWithDisksAway} rounds with disks away, "
        + $"{tally.MarksWritten} marks written, {tally.MarksAcknowledged} acknowledged, {tally.MarksLost} lost, "
        + $"{tally.TransactionsCommitted} transactions committed, {tally.TransactionsLost} lost, {tally.Violations.Count} violations, {tally.Seconds:0} s");
}

/// <summary>What the command line of a campaign says.</summary>
internal sealed record CampaignOptions(int Kills, int Cuts, DiskKind Kind, int Seed, bool Applications, bool AllDisks, string? Canary, bool IsJson)
{
    public static CampaignOptions? Parse(string[] arguments)
    {
        var options = new CampaignOptions(0, 0, DiskKind.Ext4, Environment.TickCount, false, false, null, false);
        for (int index = 0; index < arguments.Length; index++)
        {
            if (arguments[index] == "--json")
            {
                options = options with { IsJson = true };
                continue;
            }

            if (arguments[index] == "--applications")
            {
                options = options with { Applications = true };
                continue;
            }

            if (arguments[index] == "--all-disks")
            {
                options = options with { AllDisks = true };
                continue;
            }

            if (index + 1 == arguments.Length || options.With(arguments[index], arguments[++index]) is not { } next)
            {
                Console.Error.WriteLine("usage: kill-campaign [--kills N] [--cuts N] [--filesystem directory|ext4|ext4-writeback|xfs|btrfs] [--seed S] [--all-disks] [--applications] [--canary NAME] [--json]");
                return null;
            }

            options = next;
        }

        return options is { Kills: 0, Cuts: 0 } ? options with { Kills = 200, Cuts = options.Kind.CanLosePower ? 100 : 0 } : options;
    }

    private CampaignOptions? With(string name, string value) => name switch
    {
        "--kills" => this with { Kills = int.Parse(value, CultureInfo.InvariantCulture) },
        "--cuts" => this with { Cuts = int.Parse(value, CultureInfo.InvariantCulture) },
        "--seed" => this with { Seed = int.Parse(value, CultureInfo.InvariantCulture) },
        "--filesystem" => this with { Kind = DiskKind.Named(value) },
        "--canary" => this with { Canary = value },
        _ => null,
    };
}
